"""The project's data sets: each has its own ``params.yaml``. Kedro calls them environments."""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from churn_pipeline.errors import DatasetNameError, ParameterError

PARAMS = "params.yaml"
SIMULATED = "01_raw/simulated.csv"  # in the data folder: what the simulation writes
_CONF = "conf"
_OF_THE_PROJECT = ("base", "local")  # what all data sets share, and what belongs to one machine
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_BUILT_IN = "built-in"
_LAYER = re.compile(r"[0-9]{2}_.*")  # folders of the built-in data set in data


@dataclass(frozen=True)
class Dataset:
    """Section ``dataset`` of a params file.

    Attributes
    ----------
    name : str
        Of the experiment and the registered model in MLflow.
    folder : str
        Of everything that is made, from the project's root.
    contract : str
        Path of the contract, from the project's root.
    """

    name: str
    folder: str
    contract: str


def environments(project: Path) -> list[str]:
    """Return the names of the data sets that have a params file in ``conf``, sorted."""
    files = (project / _CONF).glob(f"*/{PARAMS}")
    names = (file.parent.name for file in files)
    return sorted(name for name in names if name not in _OF_THE_PROJECT and _NAME.fullmatch(name))


def environment_folder(project: Path, name: str) -> Path:
    """Return ``conf/NAME``, which need not exist.

    Raises
    ------
    DatasetNameError
        If it cannot be the name of a data set.
    """
    if not _NAME.fullmatch(name):
        raise DatasetNameError(
            f"{name!r} cannot be the name of a data set; use letters, digits, - and _, starting "
            "with a letter or digit"
        )
    if name in _OF_THE_PROJECT:
        raise DatasetNameError(
            f"{name!r} cannot be the name of a data set, since {_CONF}/{name} is Kedro's own; "
            "choose another"
        )
    if _LAYER.fullmatch(name):
        raise DatasetNameError(
            f"{name!r} cannot be the name of a data set, since data/{name} would be a folder of "
            "the built-in one; choose another"
        )
    return project / _CONF / name


def params_name(project: Path, env: str | None) -> str:
    """Return whose params file holds for a Kedro environment.

    Parameters
    ----------
    project : Path
        The project's root.
    env : str or None
        As ``kedro run --env`` and the variable ``KEDRO_ENV`` give it.

    Returns
    -------
    str
        The data set's name; an empty text for the built-in one, which ``base``, ``local`` and
        folders of ``conf`` without a ``params.yaml`` share.

    Raises
    ------
    DatasetNameError
        If there is no such folder.
    """
    if not env or env in _OF_THE_PROJECT:
        return ""
    folder = project / _CONF / env
    if not _NAME.fullmatch(env) or not folder.is_dir():
        others = ", ".join(environments(project))
        raise DatasetNameError(
            f"there is no data set {env!r}: {_CONF}/{env} does not exist; existing data sets are "
            f"{others or 'no others yet'}, and the built-in one of {PARAMS} in the project's root"
        )
    return env if (folder / PARAMS).is_file() else ""


def params_file(project: Path, env: str | None) -> Path:
    """Return the params file that holds for a Kedro environment, see :func:`params_name`."""
    name = params_name(project, env)
    return project / _CONF / name / PARAMS if name else project / PARAMS


def dvc_root(project: Path, env: str | None) -> Path:
    """Return the root of a data set's DVC project: where `dvc` has to run for it.

    The built-in data set's is the root. Each of the others is a DVC project of its own in the
    folder of its outputs, so that no `dvc` command of one data set sees the outputs of another.

    Raises
    ------
    DatasetNameError
        If there is no such data set.
    ParameterError
        If its folder is not its own.
    """
    name = params_name(project, env)
    return project / own_folder(project, name) if name else project


def dvc_yaml_path(project: Path, env: str | None) -> Path:
    """Return where the ``dvc.yaml`` of a data set lies, see :func:`dvc_root`."""
    return dvc_root(project, env) / "dvc.yaml"


def dataset_of_dvc_root(project: Path, root: Path) -> str | None:
    """Return the data set that a `dvc` command in that DVC project touches, and no other.

    Parameters
    ----------
    project : Path
        The project's root.
    root : Path
        The root of the DVC project, as `dvc root` and the variable ``DVC_ROOT`` of stages name it.

    Returns
    -------
    str or None
        Its name, empty for the built-in one; None if the folder is no data set's.
    """
    if root.resolve() == project.resolve():
        return ""
    for name in environments(project):
        folder = read_dataset(params_file(project, name)).folder
        if (project / folder).resolve() == root.resolve():
            return name
    return None


def own_folder(project: Path, name: str) -> str:
    """Return ``dataset.folder`` of a data set other than the built-in one.

    Raises
    ------
    ParameterError
        If it does not lie within the project, or overlaps with that of another data set.
    """
    file = params_file(project, name)
    shown = file.relative_to(project).as_posix()
    given = read_dataset(file).folder
    folder = _normal(given)
    if not _is_within(folder):
        raise ParameterError(
            f"{shown}: dataset.folder is {given}, which is not a folder within the project; use "
            f"data/{name}"
        )
    others = _folders_of_others(project, name)
    built_in = others.pop(_BUILT_IN, None)
    taken = [other for other, their in others.items() if _overlap(folder, their)]
    if built_in is not None and _holds_layers(folder, built_in):
        taken.insert(0, _BUILT_IN)
    if taken:
        raise ParameterError(
            f"{shown}: dataset.folder is {given}, where the {taken[0]} data set has its files; "
            f"use data/{name}"
        )
    return folder.as_posix()


def _folders_of_others(project: Path, name: str) -> dict[str, Path]:
    """Return the folders of the other data sets, but for those that could not run themselves."""
    folders = {}
    for other in environments(project):
        if other != name:
            with contextlib.suppress(ParameterError):
                folders[other] = _normal(read_dataset(params_file(project, other)).folder)
    with contextlib.suppress(ParameterError):
        built_in = _normal(read_dataset(project / PARAMS).folder)
        folders = {
            other: folder
            for other, folder in folders.items()
            if _is_within(folder) and not _holds_layers(folder, built_in)
        }
        folders[_BUILT_IN] = built_in
    return folders


def _is_within(folder: Path) -> bool:
    return not folder.is_absolute() and folder.parts[:1] not in ((), ("..",))


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _holds_layers(folder: Path, built_in: Path) -> bool:
    """Tell whether a folder is, holds, or lies in one of the built-in data set's."""
    if not folder.is_relative_to(built_in) or folder == built_in:
        return built_in.is_relative_to(folder)
    return bool(_LAYER.fullmatch(folder.relative_to(built_in).parts[0]))


def _normal(folder: str) -> Path:
    return Path(os.path.normpath(folder))


def has_own_table(name: str, parameters: Mapping[str, Any]) -> bool:
    """Tell whether a data set reads a table that was not drawn for it.

    Parameters
    ----------
    name : str
        As :func:`params_name` returns it. The built-in data set always draws its customers, since
        an experiment may set another ``ingestion.source`` and the next one none.
    parameters : mapping
        Its params file.
    """
    drawn = f"{parameters['dataset']['folder']}/{SIMULATED}"
    return bool(name) and parameters["ingestion"]["source"] != drawn


def project_of(file: Path) -> Path:
    """Return the folder from which the paths in a params file are taken.

    That is the folder of the file, or the project's root for ``conf/<env>/params.yaml``.
    """
    folder = file.absolute().parent
    return folder.parents[1] if folder.parent.name == _CONF else folder


def read_dataset(file: Path) -> Dataset:
    """Read the section ``dataset`` of a params file.

    Raises
    ------
    ParameterError
        If the file cannot be read or has no such section.
    """
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Dataset(**{key: str(value) for key, value in document["dataset"].items()})
    except OSError as error:
        raise ParameterError(f"{file} cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{file} is not valid YAML: {' '.join(str(error).split())}") from None
    except (KeyError, TypeError, AttributeError):
        raise ParameterError(
            f"{file} has no section dataset with the keys name, folder and contract"
        ) from None

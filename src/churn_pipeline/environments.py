"""The project's data sets: each has its own ``params.yaml``. Kedro calls them environments."""

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
            f"{name!r} cannot be the name of a data set; use letters, digits, - and _, beginning "
            "with a letter or digit"
        )
    if name in _OF_THE_PROJECT:
        raise DatasetNameError(
            f"{name!r} cannot be the name of a data set, since {_CONF}/{name} is Kedro's own; "
            "choose another"
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
            f"there is no data set {env!r}: {_CONF}/{env} does not exist; there are "
            f"{others or 'no others yet'}, and the built-in one of {PARAMS} in the project's root"
        )
    return env if (folder / PARAMS).is_file() else ""


def params_file(project: Path, env: str | None) -> Path:
    """Return the params file that holds for a Kedro environment, see :func:`params_name`."""
    name = params_name(project, env)
    return project / _CONF / name / PARAMS if name else project / PARAMS


def dvc_yaml_path(project: Path, env: str | None) -> Path:
    """Return where the ``dvc.yaml`` of a data set lies: beside its params file."""
    return params_file(project, env).with_name("dvc.yaml")


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
        raise ParameterError(f"{file} is no YAML: {' '.join(str(error).split())}") from None
    except (KeyError, TypeError, AttributeError):
        raise ParameterError(
            f"{file} has no section dataset with the keys name, folder and contract"
        ) from None

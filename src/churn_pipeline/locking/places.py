"""The data sets of a checkout as places of locks, and which of them a DVC command touches."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from churn_pipeline.datasets.dvc_project import former_data_sets
from churn_pipeline.environments import (
    PARAMS,
    SIMULATED,
    dataset_of_dvc_root,
    environments,
    params_file,
    params_name,
    read_dataset,
)
from churn_pipeline.errors import ParameterError

_CONF = "conf"


@dataclass(frozen=True)
class Place:
    """The folder of a data set.

    Attributes
    ----------
    name : str
        Of the data set; empty for the built-in one.
    folder : Path
        Absolute; of everything that is made.
    """

    name: str
    folder: Path

    @property
    def title(self) -> str:
        """How messages name the data set."""
        return f"data set {self.name}" if self.name else "the built-in data set"


def place(project: Path, env: str | None) -> Place:
    """Return the place of the data set that a Kedro environment represents.

    Where its params file cannot be read, that is the folder which a new data set gets: whoever
    uses the parameters reports the fault.

    Raises
    ------
    DatasetNameError
        If there is no such data set.
    """
    name = params_name(project, env)
    try:
        folder = read_dataset(params_file(project, env)).folder
    except ParameterError:
        folder = f"data/{name}" if name else "data"
    return Place(name, (project / folder).resolve())


def new_place(project: Path, name: str) -> Place:
    """Return the place of a data set that need not exist yet."""
    is_there = (project / _CONF / name / PARAMS).is_file()
    return place(project, name) if is_there else Place(name, (project / "data" / name).resolve())


def places_that_read(project: Path, file: Path) -> list[Place]:
    """Return the data sets that take a file as their table, or made it."""
    path = file.resolve()
    found = []
    for item in all_places(project):
        parameters = _parameters(params_file(project, item.name))
        sources = [parameters.get(key, {}).get("source") for key in ("ingestion", "scoring")]
        paths = [project / str(source) for source in sources if source]
        if path in {item.folder / SIMULATED, *(path.resolve() for path in paths)}:
            found.append(item)
    return found


def _parameters(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    sections = document.items() if isinstance(document, dict) else ()
    return {key: section for key, section in sections if isinstance(section, dict)}


def all_places(project: Path) -> list[Place]:
    """Return the places of all data sets of a checkout."""
    return [place(project, name) for name in ["", *environments(project)]]


def project_of_repository(root: Path) -> Path | None:
    """Return the project that a DVC repository belongs to; None if it is not one of these.

    The repository is the project itself, or contained in it.
    """
    for folder in (root, *root.parents):
        config = folder / "pyproject.toml"
        if config.is_file():
            is_ours = 'package_name = "churn_pipeline"' in config.read_text(encoding="utf-8")
            return folder if is_ours else None
    return None


def touched_places(project: Path, repository: Path) -> list[Place]:
    """Return the data sets whose files a DVC command in this repository may write.

    Parameters
    ----------
    project : Path
        The project's root.
    repository : Path
        The root of the DVC repository: the project's, or that of a single data set.
    """
    if repository == project:  # which kept the stages of all data sets formerly
        return [place(project, name) for name in ["", *former_data_sets(project)]]
    name = dataset_of_dvc_root(project, repository)
    return all_places(project) if name is None else [place(project, name)]

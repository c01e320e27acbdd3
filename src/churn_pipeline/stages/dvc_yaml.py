"""Generate the ``dvc.yaml`` of a data set from the Kedro pipelines and the catalog."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.startup import ProjectMetadata
from kedro.inspection import get_project_snapshot
from kedro.inspection.models import PipelineSnapshot

from churn_pipeline.environments import PARAMS, has_own_table, params_file, params_name
from churn_pipeline.errors import ParameterError
from churn_pipeline.pipeline_registry import ON_DEMAND, SIMULATION
from churn_pipeline.stages.imports import files_behind

_HEADER = """\
# Generated from the Kedro pipelines and conf/base/catalog.yml by `{command}`; do not edit.
# Each stage is one Kedro pipeline.
"""
_NO_STAGES = ("__default__", *ON_DEMAND)
_CATALOG = "conf/{env}/catalog.yml"
_LOCK = "requirements.lock"
_PARAMETER = re.compile(r"\$\{(?:runtime_params:[^$]*\$\{)?globals:([\w.]+)\}{1,2}")
_LITERAL = "dataset."  # parameters that define a data set: another value is another dvc.yaml


@dataclass(frozen=True)
class _Environment:
    """A data set, as its ``dvc.yaml`` sees it.

    Attributes
    ----------
    name : str
        Its folder in ``conf``; empty for the built-in one.
    parameters : mapping
        Its params file.
    catalog : mapping of str to mapping
        The entries as they are written, before any interpolation.
    files : mapping of str to str
        The catalog file that each entry is from.
    """

    name: str
    parameters: Mapping[str, Any]
    catalog: Mapping[str, Any]
    files: Mapping[str, str]

    @property
    def folder(self) -> str:
        """Return where its ``dvc.yaml`` is and its stages run, from the project's root."""
        return self.value("dataset.folder") if self.name else "."

    def path(self, entry: str) -> str:
        """Return a catalog entry's path; a parameter in it becomes DVC's own interpolation."""

        def parameter(match: re.Match[str]) -> str:
            key = match[1]
            return str(self.value(key)) if key.startswith(_LITERAL) else f"${{{key}}}"

        path = _PARAMETER.sub(parameter, self.catalog[entry]["filepath"])
        # the present values decide whether the path is absolute
        return path if Path(self.location(entry)).is_absolute() else self.from_folder(path)

    def from_folder(self, path: str) -> str:
        """Return a path that is relative to the project's root as one from :attr:`folder`."""
        return Path(os.path.relpath(path, self.folder)).as_posix()

    def value(self, key: str) -> Any:
        """Return the value of a parameter, such as ``ingestion.source``."""
        value: Any = self.parameters
        for part in key.split("."):
            value = value[part]
        return value

    def location(self, entry: str) -> str:
        """Return an entry's path or address, its parameters filled in."""
        return _PARAMETER.sub(
            lambda match: str(self.value(match[1])), self.catalog[entry]["filepath"]
        )

    def is_address(self, entry: str) -> bool:
        """Tell whether DVC cannot see an entry's content: a table of a database, say."""
        location = self.location(entry)
        return "://" in location or "::" in location  # a sheet of a file is no file either

    def dvc(self, entry: str) -> Mapping[str, Any]:
        """Return what ``metadata`` says of an entry to DVC."""
        return (self.catalog.get(entry, {}).get("metadata") or {}).get("dvc") or {}


def render_dvc_yaml(
    metadata: ProjectMetadata, env: str | None = None, params_text: str | None = None
) -> str:
    """Return the text of the ``dvc.yaml`` of a data set.

    A stage depends on the files its pipeline reads, on the code that its nodes and datasets
    execute, on the catalog entries it uses (as DVC params, so that a change to another entry does
    not matter), on the parameters its nodes take, and on the locked versions of the libraries.
    Paths are relative to the data set's folder, which is a DVC project of its own.
    Where the customer table has an address instead of a path, DVC cannot tell whether it changed:
    that stage always runs.

    Parameters
    ----------
    metadata : ProjectMetadata
        As Kedro's ``bootstrap_project`` returns it.
    env : str, optional
        The data set; by default the built-in one.
    params_text : str, optional
        Its params file, where that is not written yet.

    Raises
    ------
    DatasetNameError
        If there is no such data set.
    ParameterError
        If an output of the data set would be outside of its folder.
    """
    root = Path(metadata.project_path)
    name = params_name(root, env) if params_text is None else str(env)
    environment = _environment(root, name, params_text)
    snapshot = get_project_snapshot(metadata=metadata)
    has_simulation = not has_own_table(environment.name, environment.parameters)
    pipelines = [
        item
        for item in snapshot.pipelines
        if item.name not in _NO_STAGES and (has_simulation or item.name != SIMULATION)
    ]
    stages = {item.name: _stage(item, environment, metadata) for item in pipelines}
    document: dict[str, Any] = {"stages": stages, "plots": _plots(pipelines, environment)}
    if environment.name:
        own = f"conf/{environment.name}/{PARAMS}"
        document = {"vars": [environment.from_folder(own)], **document}
    command = "kedro dvc-yaml" + (f" --env {environment.name}" if environment.name else "")
    text = yaml.safe_dump(document, sort_keys=False, width=100, allow_unicode=True)
    return _HEADER.format(command=command) + text


def _environment(root: Path, name: str, params_text: str | None) -> _Environment:
    if params_text is None:
        params_text = params_file(root, name).read_text(encoding="utf-8")
    catalog: dict[str, Any] = {}
    files: dict[str, str] = {}
    for file in (_CATALOG.format(env=folder) for folder in ("base", name) if folder):
        if (root / file).is_file():
            entries = yaml.safe_load((root / file).read_text(encoding="utf-8")) or {}
            catalog |= entries
            files |= dict.fromkeys(entries, file)
    return _Environment(name, yaml.safe_load(params_text), catalog, files)


def _stage(
    pipeline: PipelineSnapshot, environment: _Environment, metadata: ProjectMetadata
) -> dict[str, Any]:
    catalog = environment.catalog
    package = f"{metadata.package_name}.pipelines.{pipeline.name}"
    inputs = [
        name
        for name in pipeline.inputs
        if not name.startswith("params:") and environment.dvc(name).get("kind") != "state"
    ]
    for name in inputs:
        if name not in catalog:
            raise ValueError(
                f"{_CATALOG.format(env='base')} has no entry {name!r}, which pipeline "
                f"{pipeline.name} takes from outside; a DVC stage can only pass files on"
            )
    outputs = _outputs(pipeline, environment)
    used = sorted({*inputs, *outputs})
    datasets = {catalog[name]["type"].rpartition(".")[0] for name in used}
    code = files_behind(
        [f"{package}.pipeline", *(m for m in datasets if m.startswith(metadata.package_name))],
        Path(metadata.source_dir),
    )
    seen = [name for name in inputs if not environment.is_address(name)]
    stage: dict[str, Any] = {
        "desc": str(import_module(f"{package}.pipeline").create_pipeline.__doc__).strip(),
        # named, or a KEDRO_ENV of the shell would choose another
        "cmd": f"kedro run --env {environment.name or 'local'} --pipelines {pipeline.name}",
    }
    stage["deps"] = [
        *sorted({environment.path(name) for name in seen}),
        *sorted(
            environment.from_folder(path.relative_to(metadata.project_path).as_posix())
            for path in code
        ),
        environment.from_folder(_LOCK),
    ]
    stage["params"] = _params(pipeline, environment, used)
    if len(seen) < len(inputs):
        stage["always_changed"] = True
    for key, wanted in (("outs", False), ("metrics", True)):
        entries = [
            _out(environment, name)
            for name in outputs
            if (environment.dvc(name).get("kind") == "metric") is wanted
        ]
        if entries:
            stage[key] = entries
    return stage


def _params(
    pipeline: PipelineSnapshot, environment: _Environment, entries: list[str]
) -> list[str | dict[str, list[str]]]:
    keys = sorted(
        {
            name.removeprefix("params:")
            for node in pipeline.nodes
            for name in node.inputs
            if name.startswith("params:")
        }
    )
    files: dict[str, list[str]] = {}
    for name in entries:
        files.setdefault(environment.files[name], []).append(name)
    catalogs = [{environment.from_folder(file): files[file]} for file in sorted(files)]
    if not environment.name:
        return [*keys, *catalogs]
    own = environment.from_folder(f"conf/{environment.name}/{PARAMS}")
    return [*([{own: keys}] if keys else []), *catalogs]


def _plots(pipelines: list[PipelineSnapshot], environment: _Environment) -> list[Any]:
    """Return the top-level section ``plots``."""
    plots: list[Any] = []
    for name in (name for item in pipelines for name in _outputs(item, environment)):
        dvc = environment.dvc(name)
        if dvc.get("kind") in ("plot", "image"):
            path = environment.path(name)
            plots.append({path: dvc["plot"]} if "plot" in dvc else path)
    return plots


def _outputs(pipeline: PipelineSnapshot, environment: _Environment) -> list[str]:
    return sorted(
        name
        for node in pipeline.nodes
        for name in node.outputs
        if "filepath" in environment.catalog.get(name, {})
    )


def _out(environment: _Environment, name: str) -> str | dict[str, Any]:
    path = environment.path(name)
    if environment.name and (path.startswith("../") or Path(path).is_absolute()):
        raise ParameterError(
            f"{environment.files[name]}: {name} is written to {environment.location(name)}, "
            f"outside of {environment.folder}, where DVC cannot keep it; use a path in that folder"
        )
    # git keeps small results of the built-in data set alone: an experiment of one data set brings
    # the files that git tracks to what they were when it ran, those of all data sets
    in_git = not environment.name and environment.dvc(name).get("cache") is False
    return {path: {"cache": False}} if in_git else path

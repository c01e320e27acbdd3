"""Generate ``dvc.yaml`` from the Kedro pipelines and the catalog."""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.startup import ProjectMetadata
from kedro.inspection import get_project_snapshot
from kedro.inspection.models import PipelineSnapshot

from churn_pipeline.orchestration.imports import files_behind
from churn_pipeline.pipeline_registry import ON_DEMAND

_HEADER = """\
# Generated from the Kedro pipelines and conf/base/catalog.yml by `kedro dvc-yaml`; do not edit.
# Each stage is one Kedro pipeline.
"""
_NO_STAGES = ("__default__", *ON_DEMAND)
_CATALOG = "conf/base/catalog.yml"
_LOCK = "requirements.lock"
_KNOB = re.compile(r"\$\{(?:runtime_params:[^$]*\$\{)?globals:([\w.]+)\}{1,2}")


def render_dvc_yaml(metadata: ProjectMetadata) -> str:
    """Return the text of ``dvc.yaml``.

    A stage depends on the files its pipeline reads, on the code that its nodes and datasets
    execute, on the catalog entries it uses (as DVC params, so that a change to another entry does
    not matter), on the parameters its nodes take, and on the locked versions of the libraries.

    Parameters
    ----------
    metadata : ProjectMetadata
        As Kedro's ``bootstrap_project`` returns it.
    """
    root = Path(metadata.project_path)
    snapshot = get_project_snapshot(metadata=metadata)
    catalog = yaml.safe_load((root / _CATALOG).read_text(encoding="utf-8"))
    pipelines = [item for item in snapshot.pipelines if item.name not in _NO_STAGES]
    stages = {item.name: _stage(item, catalog, metadata) for item in pipelines}
    outputs = [name for item in pipelines for name in _outputs(item, catalog)]
    plots = [
        {catalog[name]["filepath"]: dvc["plot"]} if "plot" in dvc else catalog[name]["filepath"]
        for name in outputs
        if (dvc := _dvc(catalog[name])).get("kind") in ("plot", "image")
    ]
    document = {"stages": stages, "plots": plots}
    return _HEADER + yaml.safe_dump(document, sort_keys=False, width=100, allow_unicode=True)


def _stage(
    pipeline: PipelineSnapshot, catalog: Mapping[str, Any], metadata: ProjectMetadata
) -> dict[str, Any]:
    package = f"{metadata.package_name}.pipelines.{pipeline.name}"
    inputs = [
        name
        for name in pipeline.inputs
        if not name.startswith("params:") and _dvc(catalog.get(name, {})).get("kind") != "state"
    ]
    for name in inputs:
        if name not in catalog:
            raise ValueError(
                f"{_CATALOG} has no entry {name!r}, which pipeline {pipeline.name} takes from "
                "outside; a DVC stage can only pass files on"
            )
    outputs = _outputs(pipeline, catalog)
    used = sorted({*inputs, *outputs})
    datasets = {catalog[name]["type"].rpartition(".")[0] for name in used}
    code = files_behind(
        [f"{package}.pipeline", *(m for m in datasets if m.startswith(metadata.package_name))],
        Path(metadata.source_dir),
    )
    parameters = sorted(
        {
            name.removeprefix("params:")
            for node in pipeline.nodes
            for name in node.inputs
            if name.startswith("params:")
        }
    )
    stage: dict[str, Any] = {
        "desc": str(import_module(f"{package}.pipeline").create_pipeline.__doc__).strip(),
        "cmd": f"kedro run --pipelines {pipeline.name}",
        "deps": sorted({_path(catalog[name]) for name in inputs})
        + sorted(path.relative_to(metadata.project_path).as_posix() for path in code)
        + [_LOCK],
        "params": [*parameters, {_CATALOG: used}],
    }
    for key, wanted in (("outs", False), ("metrics", True)):
        entries = [
            _out(catalog[name])
            for name in outputs
            if (_dvc(catalog[name]).get("kind") == "metric") is wanted
        ]
        if entries:
            stage[key] = entries
    return stage


def _outputs(pipeline: PipelineSnapshot, catalog: Mapping[str, Any]) -> list[str]:
    return sorted(
        name
        for node in pipeline.nodes
        for name in node.outputs
        if "filepath" in catalog.get(name, {})
    )


def _out(entry: Mapping[str, Any]) -> str | dict[str, Any]:
    return {_path(entry): {"cache": False}} if _dvc(entry).get("cache") is False else _path(entry)


def _path(entry: Mapping[str, Any]) -> str:
    """Return the entry's path; a knob in it becomes DVC's own interpolation of params.yaml."""
    return _KNOB.sub(r"${\1}", entry["filepath"])


def _dvc(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return (entry.get("metadata") or {}).get("dvc") or {}

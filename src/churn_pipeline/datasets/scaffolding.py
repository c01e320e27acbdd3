"""A folder of ``conf`` for a new data set, written whole or not at all."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.startup import bootstrap_project

from churn_pipeline.datasets.dvc_project import remove_former_stages, write_dvc_project
from churn_pipeline.environments import PARAMS, environment_folder
from churn_pipeline.errors import DatasetNameError, ParameterError
from churn_pipeline.stages.dvc_yaml import render_dvc_yaml
from churn_pipeline.staging import remove_leftovers, replacing_folder

_HEADER = """\
# Every parameter of the data set {name}. Kedro and DVC read this file:
# edit it and run `make repro ENV={name}`, or try a value, in the folder data/{name}, with
# `dvc exp run -S ../../conf/{name}/params.yaml:training.repeats=5`.
"""
_SQLITE = "sqlite:///"
_WRITTEN = (PARAMS, "contract.yml", "inference.md", "dvc.yaml", "dvc.lock")  # two of them formerly


def create_dataset(
    project: Path, name: str, contract_text: str, source: str, report: str, force: bool
) -> Path:
    """Write ``conf/NAME``: contract, parameters and the report of the inference.

    Its stages are written to ``data/NAME``, which becomes a DVC project of its own.

    The parameters are the root's ``params.yaml``, including comments, except the section
    ``dataset``, the sources, the ledger and the paths of the serving section that are in the
    root's data folder, and the gate of ROC-AUC, which is 0.6.

    Parameters
    ----------
    project : Path
        The project's root.
    name : str
        Of the data set, and of its experiment and registered model in MLflow.
    contract_text : str
        YAML of the contract.
    source : str
        Path or address of the customer table, as ``ingestion.source`` takes it.
    report : str
        Markdown, for ``inference.md``.
    force : bool
        Whether a data set of that name is replaced. Files of the user's in its folder, such as a
        ``catalog.yml``, stay.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DatasetNameError
        If the name cannot be one, or there is such a data set and ``force`` is False.
    ParameterError
        If the root's params file cannot be taken over.
    """
    folder = environment_folder(project, name)
    remove_leftovers(folder.parent)
    if folder.exists() and not force:
        raise DatasetNameError(
            f"conf/{name} exists already; choose another name, or replace it with --force"
        )
    params = _own_params((project / PARAMS).read_text(encoding="utf-8"), name, source)
    files = {
        PARAMS: params,
        "contract.yml": contract_text,
        "inference.md": report,
    }
    stages = render_dvc_yaml(bootstrap_project(project), name, params)
    with replacing_folder(folder) as staged:
        if folder.exists():
            kept = shutil.ignore_patterns(*_WRITTEN)
            shutil.copytree(folder, staged, ignore=kept, dirs_exist_ok=True)
        for file, text in files.items():
            (staged / file).write_text(text, encoding="utf-8")
        write_dvc_project(project / "data" / name, stages)  # first: alone it is nobody's data set
    remove_former_stages(project, name)
    return folder


def _own_params(text: str, name: str, source: str) -> str:
    """Return the root's parameters, changed to those of a data set."""
    try:
        document = yaml.safe_load(text)
        before = document["dataset"]["folder"]
        serving: Mapping[str, Any] = document["serving"] or {}
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ParameterError(
            f"{PARAMS} in the project's root is not valid YAML: {reason}"
        ) from None
    except (KeyError, TypeError):
        raise ParameterError(
            f"{PARAMS} in the project's root lacks the section dataset or serving, which a new "
            "data set copies"
        ) from None
    folder = f"data/{name}"
    changes: dict[tuple[str, str], str | float | None] = {
        ("dataset", "name"): name,
        ("dataset", "folder"): folder,
        ("dataset", "contract"): f"conf/{name}/contract.yml",
        ("ingestion", "source"): source,
        ("scoring", "source"): None,
        # what is good for one table is out of reach for another; this asks for more than chance
        ("gates", "minimum_roc_auc"): 0.6,
    }
    # a data set of its own has a ledger of its own; in PostgreSQL they share one
    ledger = (document.get("ledger") or {}).get("address")
    if isinstance(ledger, str) and ledger.startswith(f"{_SQLITE}{before}/"):
        changes["ledger", "address"] = _SQLITE + folder + ledger.removeprefix(_SQLITE + before)
    for key, value in serving.items():
        if isinstance(value, str) and value.startswith(f"{before}/"):
            changes["serving", key] = folder + value.removeprefix(before)
    lines = _replaced(text, changes).splitlines(keepends=True)
    beginning = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return _HEADER.format(name=name) + "".join(lines[beginning:])


def _replaced(text: str, changes: Mapping[tuple[str, str], str | float | None]) -> str:
    """Return YAML with other values under ``section.key``; all else stays byte for byte."""
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(document, yaml.MappingNode)
    spans = {}
    for section, content in document.value:
        if isinstance(content, yaml.MappingNode):
            for key, value in content.value:
                place = (value.start_mark.index, value.end_mark.index)
                spans[section.value, key.value] = place
    missing = sorted(".".join(path) for path in changes.keys() - spans.keys())
    if missing:
        raise ParameterError(f"{PARAMS} in the project's root has no {missing[0]}")
    for path in sorted(changes, key=lambda path: spans[path], reverse=True):
        start, end = spans[path]
        blank = " " if start == end else ""  # an empty value, as DVC writes null, ends at the colon
        text = text[:start] + blank + _scalar(changes[path]) + text[end:]
    return text


def _scalar(value: str | float | None) -> str:
    """Return a text, number or null as YAML writes it within a line."""
    listed = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=sys.maxsize)
    return listed.strip()[1:-1]

"""Whole runs in one process: from a table and its contract to a bundle and to scores."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from churn_pipeline.datasets.config_loader import DatasetConfigLoader
from churn_pipeline.discovery import Hints, infer_contract
from churn_pipeline.io.raw_table import read_raw_table
from churn_pipeline.pipelines import (
    acceptance,
    decisions,
    evaluation,
    export,
    features,
    ingestion,
    packaging,
    scoring,
    training,
    tuning,
)

_TRAINING = (
    ingestion,
    features,
    tuning,
    training,
    export,
    evaluation,
    decisions,
    acceptance,
    packaging,
)
_NAME = "own"
_DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_SMALL: dict[str, Any] = {
    "combinations": {"most": 1, "max_columns": 3},
    "candidates": {"logistic_regression": {"C": 1.0}},
    "tuning": {"trials": 1, "folds": 2, "workers": 1},
    "training": {"folds": 2, "repeats": 1, "calibrators": []},
    "evaluation": {"replicates": 20},
    "gates": dict.fromkeys(
        (
            "minimum_roc_auc",
            "minimum_calibration_slope",
            "maximum_calibration_slope",
            "minimum_calibration_intercept",
            "maximum_calibration_intercept",
            "maximum_scoring_milliseconds",
        )
    ),
}


class _Undrawn(AbstractDataset[Any, bytes]):
    """A figure that is made and not drawn, which takes half of a run; pages show a dot instead."""

    def save(self, data: Any) -> None:
        pass

    def load(self) -> bytes:
        return _DOT

    def _describe(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Outcome:
    """What a whole run left in its folder."""

    folder: Path
    catalog: DataCatalog

    def load(self, name: str) -> Any:
        return self.catalog.load(name)


@dataclass(frozen=True)
class Table:
    """A table, what is said of it, and what the parameters are besides the small ones."""

    rows: pd.DataFrame
    hints: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    contract: Callable[[dict[str, Any]], None] | None = None


def run_whole(table: Table, root: Path, folder: Path) -> Outcome:
    """Infer the contract of a table, train, evaluate, package, and score the same customers.

    ``folder`` must be the working folder: the paths of the catalog begin there.
    """
    conf = folder / "conf"
    (conf / _NAME).mkdir(parents=True)
    (conf / "base").symlink_to(root / "conf/base")
    table.rows.to_csv(folder / "table.csv", index=False)
    found = infer_contract(read_raw_table("table.csv"), _NAME, Hints(**table.hints))
    document = yaml.safe_load(found.contract_text)
    if table.contract is not None:
        table.contract(document)
    (conf / _NAME / "contract.yml").write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    parameters = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    own = {
        "dataset": {"name": _NAME, "folder": "data", "contract": f"conf/{_NAME}/contract.yml"},
        "ingestion": {"source": "table.csv"},
        "scoring": {"source": "table.csv"},
    }
    for changes in (own, _SMALL, table.parameters):
        for section, values in changes.items():
            parameters[section] = (
                values if section == "candidates" else {**parameters[section], **values}
            )
    (conf / _NAME / "params.yaml").write_text(yaml.safe_dump(parameters), "utf-8")
    catalog = _catalog(conf, parameters)
    for pipeline in (_joined(_TRAINING), _joined((scoring,))):
        SequentialRunner().run(pipeline, catalog)
    return Outcome(folder / "data", catalog)


def _joined(modules: tuple[Any, ...]) -> Pipeline:
    return sum((module.create_pipeline() for module in modules), Pipeline([]))


def _catalog(conf: Path, parameters: dict[str, Any]) -> DataCatalog:
    loader = DatasetConfigLoader(
        str(conf), env=_NAME, base_env="base", default_run_env="local", custom_resolvers={}
    )
    entries = {k: v for k, v in loader["catalog"].items() if not k.startswith("_")}
    catalog = DataCatalog.from_config(entries, credentials={"source": {}, "sink": {}, "ledger": {}})
    for name, entry in entries.items():
        if entry["type"].endswith("FigureDataset"):
            catalog[name] = _Undrawn()
    catalog["champion_model"] = MemoryDataset(None)  # no registry, so none yet
    for name, value in _flat({"params": parameters}).items():
        catalog[name] = MemoryDataset(value)
    return catalog


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        found[name] = value
        if isinstance(value, dict):
            found |= _flat(value, f"{name}:" if name == "params" else f"{name}.")
    return found

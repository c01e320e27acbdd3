from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.framework.startup import bootstrap_project

from churn_pipeline.orchestration.dvc_yaml import _Environment, render_dvc_yaml


@pytest.fixture(scope="module")
def document(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(render_dvc_yaml(bootstrap_project(root)))
    return document


def test_the_committed_file_is_in_step(root: Path) -> None:
    text = (root / "dvc.yaml").read_text(encoding="utf-8")
    assert text == render_dvc_yaml(bootstrap_project(root))


def test_every_pipeline_is_a_stage_of_its_own(document: dict[str, Any]) -> None:
    assert list(document["stages"]) == [
        "simulation",
        "ingestion",
        "features",
        "tuning",
        "training",
        "export",
        "evaluation",
        "acceptance",
        "packaging",
    ]
    assert document["stages"]["features"]["cmd"] == "kedro run --env local --pipelines features"


def test_a_stage_depends_on_what_it_reads_and_executes(document: dict[str, Any]) -> None:
    ingestion = document["stages"]["ingestion"]
    package = "src/churn_pipeline"
    assert {
        "${ingestion.source}",
        "conf/base/contract.yml",
        "requirements.lock",
        f"{package}/pipelines/ingestion/nodes.py",
        f"{package}/contract/expressions.py",
        f"{package}/io/raw_table.py",
    } <= set(ingestion["deps"])
    assert not any("modeling" in path or "simulation" in path for path in ingestion["deps"])
    assert ingestion["params"][0] == "ingestion.max_rejected_share"
    assert f"{package}/reporting/model_card.md.j2" in document["stages"]["evaluation"]["deps"]


def test_outputs_are_metrics_plots_or_cached_files(document: dict[str, Any]) -> None:
    evaluation = document["stages"]["evaluation"]
    assert evaluation["metrics"] == [{"data/08_reporting/metrics.json": {"cache": False}}]
    assert "data/08_reporting/roc_curve.png" in evaluation["outs"]
    assert {"data/08_reporting/selection.json": {"cache": False}} in document["stages"]["training"][
        "outs"
    ]
    plots = {
        key for plot in document["plots"] for key in (plot if isinstance(plot, dict) else [plot])
    }
    assert {"data/08_reporting/roc_curve.csv", "data/08_reporting/confusion.png"} <= plots


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/a.csv", "data/a.csv"),
        ("${globals:a.b}", "${a.b}"),
        ("${runtime_params:a.b,${globals:a.b}}", "${a.b}"),
        ("data/${globals:name}/a.csv", "data/${name}/a.csv"),
        ("${globals:dataset.folder}/${globals:name}.csv", "data/bank/${name}.csv"),
    ],
)
def test_knobs_in_paths_become_dvc_interpolations(path: str, expected: str) -> None:
    parameters = {"dataset": {"folder": "data/bank"}}
    environment = _Environment("bank", parameters, {"table": {"filepath": path}}, {})
    assert environment.path("table") == expected

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.framework.startup import bootstrap_project

from churn_pipeline.environments import SIMULATED
from churn_pipeline.errors import ParameterError
from churn_pipeline.stages import dvc_yaml
from churn_pipeline.stages.dvc_yaml import _Environment, render_dvc_yaml
from churn_pipeline.stages.imports import files_behind


@pytest.fixture(scope="module")
def document(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(render_dvc_yaml(bootstrap_project(root)))
    return document


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A folder with the code, which is parsed once a path."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "src").symlink_to(root / "src")
    return folder


@pytest.fixture(scope="module")
def read_code() -> Callable[[Iterable[str], Path], set[Path]]:
    """Says which files are behind modules, and reads them once, since no test changes them."""
    known: dict[tuple[frozenset[str], Path], set[Path]] = {}

    def files(modules: Iterable[str], source_dir: Path) -> set[Path]:
        key = frozenset(modules), source_dir
        if key not in known:
            known[key] = files_behind(key[0], source_dir)
        return set(known[key])

    return files


@pytest.fixture
def project(
    folder: Path,
    root: Path,
    read_code: Callable[[Iterable[str], Path], set[Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """What a dvc.yaml is made of, with a data set `bank` whose table is a file."""
    monkeypatch.setattr(dvc_yaml, "files_behind", read_code)
    shutil.rmtree(folder / "conf", ignore_errors=True)
    for path in ("pyproject.toml", "params.yaml", "conf/base/catalog.yml"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes((root / path).read_bytes())
    write_params(folder, source="/tables/bank.csv")
    return folder


def write_params(project: Path, source: str, folder: str = "data/bank") -> None:
    parameters = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    parameters["dataset"] = {"name": "bank", "folder": folder, "contract": "conf/bank/c.yml"}
    parameters["ingestion"]["source"] = source
    file = project / "conf/bank/params.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(parameters), encoding="utf-8")


def document_of(project: Path, root: Path) -> dict[str, Any]:
    """Return the dvc.yaml of `bank`, of the pipelines that stand in the root."""
    metadata = bootstrap_project(root)._replace(project_path=project)
    metadata = metadata._replace(source_dir=project / "src")
    document: dict[str, Any] = yaml.safe_load(render_dvc_yaml(metadata, "bank"))
    return document


def test_a_data_set_has_stages_of_its_own(project: Path, root: Path) -> None:
    document = document_of(project, root)
    assert "simulation" not in document["stages"]
    assert document["vars"] == ["../../conf/bank/params.yaml"]
    ingestion = document["stages"]["ingestion"]
    assert ingestion["cmd"] == "kedro run --env bank --pipelines ingestion"
    assert {"${ingestion.source}", "../../conf/bank/c.yml"} <= set(ingestion["deps"])
    assert "../../requirements.lock" in ingestion["deps"]
    assert {"03_primary/customers.parquet", "08_reporting/data_quality.json"} <= {
        *ingestion["outs"]
    }
    own = {"../../conf/bank/params.yaml": ["ingestion.max_rejected_share"]}
    assert own in ingestion["params"]
    assert "always_changed" not in ingestion
    plots = {
        key for plot in document["plots"] for key in (plot if isinstance(plot, dict) else [plot])
    }
    assert "08_reporting/roc_curve.csv" in plots
    text = yaml.safe_dump(document)
    assert "data/" not in text
    assert str(project) not in text


@pytest.mark.parametrize(
    ("source", "dependency"),
    [
        ("data/01_raw/bank.csv", "../../${ingestion.source}"),
        ("/tables/bank.csv", "${ingestion.source}"),
    ],
)
def test_the_table_is_looked_for_from_the_projects_root(
    project: Path, root: Path, source: str, dependency: str
) -> None:
    write_params(project, source=source)
    assert dependency in document_of(project, root)["stages"]["ingestion"]["deps"]


def test_drawn_customers_of_a_data_set_are_a_stage(project: Path, root: Path) -> None:
    write_params(project, source="data/bank/01_raw/simulated.csv")
    assert next(iter(document_of(project, root)["stages"])) == "simulation"


@pytest.mark.parametrize("source", ["sqlite:///crm.db::customers", "s3://lake/customers.csv"])
def test_a_table_that_dvc_cannot_see_is_read_every_time(
    project: Path, root: Path, source: str
) -> None:
    write_params(project, source=source)
    stages = document_of(project, root)["stages"]
    assert stages["ingestion"]["always_changed"] is True
    assert not any("source" in path for path in stages["ingestion"]["deps"])
    assert "always_changed" not in stages["features"]


def test_entries_of_a_data_sets_own_catalog_come_first(project: Path, root: Path) -> None:
    own = "metrics: {type: churn_pipeline.io.atomic.JSONDataset, filepath: data/bank/m.json}\n"
    (project / "conf/bank/catalog.yml").write_text(own, encoding="utf-8")
    decisions = document_of(project, root)["stages"]["decisions"]
    assert "m.json" in decisions["outs"]
    files = {key: used for item in decisions["params"] for key, used in item.items()}
    assert files["../../conf/bank/catalog.yml"] == ["metrics"]
    assert "metrics" not in files["../../conf/base/catalog.yml"]


def test_an_output_outside_of_the_data_sets_folder_is_refused(project: Path, root: Path) -> None:
    own = "metrics: {type: churn_pipeline.io.atomic.JSONDataset, filepath: data/m.json}\n"
    (project / "conf/bank/catalog.yml").write_text(own, encoding="utf-8")
    with pytest.raises(
        ParameterError, match=r"metrics is written to data/m\.json, outside of data"
    ):
        document_of(project, root)


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
        "decisions",
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
    assert not any(
        "modeling" in path or "statistics" in path or "simulation" in path
        for path in ingestion["deps"]
    )
    assert ingestion["params"][0] == "ingestion.max_rejected_share"
    assert f"{package}/reporting/model_card.md.j2" in document["stages"]["decisions"]["deps"]


def test_another_cost_reruns_nothing_that_looks_at_the_model(document: dict[str, Any]) -> None:
    stages = document["stages"]

    def outputs(stage: dict[str, Any]) -> set[str]:
        items = [*stage.get("outs", []), *stage.get("metrics", [])]
        return {key for item in items for key in (item if isinstance(item, dict) else [item])}

    rerun = {name for name, stage in stages.items() if "economics" in stage["params"]}
    while True:
        changed = {path for name in rerun for path in outputs(stages[name])}
        more = {name for name, stage in stages.items() if changed & set(stage["deps"])} - rerun
        if not more:
            break
        rerun |= more
    assert rerun == {"decisions", "acceptance", "packaging"}
    for name in rerun:
        read = set(stages[name]["deps"])
        assert not read & {"data/06_models/model.pkl", "data/06_models/reference_models.pkl"}
    assert "data/06_models/scorer" not in stages["decisions"]["deps"]


def test_outputs_are_metrics_plots_or_cached_files(document: dict[str, Any]) -> None:
    evaluation = document["stages"]["evaluation"]
    decisions = document["stages"]["decisions"]
    assert decisions["metrics"] == [{"data/08_reporting/metrics.json": {"cache": False}}]
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
        ("${globals:table}", "${table}"),
    ],
)
def test_parameters_in_paths_become_dvc_interpolations(path: str, expected: str) -> None:
    parameters = {
        "dataset": {"folder": "data/bank"},
        "a": {"b": "c"},
        "name": "n",
        "table": "/tables/t.csv",
    }
    environment = _Environment("", parameters, {"table": {"filepath": path}}, {})
    assert environment.path("table") == expected


def test_what_is_drawn_stands_where_its_readers_look_for_it(root: Path) -> None:
    catalog = yaml.safe_load((root / "conf/base/catalog.yml").read_text(encoding="utf-8"))
    expected = f"${{globals:dataset.folder}}/{SIMULATED}"
    assert catalog["raw_customers@simulated"]["filepath"] == expected

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import modify_yaml

from churn_pipeline.datasets import scaffolding as datasets
from churn_pipeline.datasets.scaffolding import create_dataset
from churn_pipeline.errors import DatasetNameError, ParameterError
from churn_pipeline.parameters import check_parameters
from churn_pipeline.serving.settings import load_settings

FILES = {"params.yaml", "contract.yml", "inference.md"}


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose dvc.yaml takes no time."""
    shutil.copy(root / "params.yaml", tmp_path / "params.yaml")
    (tmp_path / "conf").mkdir()
    monkeypatch.setattr(datasets, "bootstrap_project", lambda project: project)
    monkeypatch.setattr(datasets, "render_dvc_yaml", lambda project, name, params: f"of: {name}\n")
    return tmp_path


def create(project: Path, name: str = "bank", force: bool = False, **given: str) -> Path:
    arguments = {"contract_text": "version: 2\n", "source": "bank.csv", "report": "# Why\n"}
    return create_dataset(project, name, **{**arguments, **given}, force=force)


def parameters(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def everything(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_data_set_is_a_folder_of_conf(project: Path) -> None:
    folder = create(project)
    assert folder == project / "conf/bank"
    assert {path.name for path in folder.iterdir()} == FILES
    assert (folder / "contract.yml").read_text(encoding="utf-8") == "version: 2\n"
    assert (folder / "inference.md").read_text(encoding="utf-8") == "# Why\n"
    assert [path.name for path in (project / "conf").iterdir()] == ["bank"]


def test_its_folder_of_results_is_a_dvc_project(project: Path) -> None:
    create(project)
    assert {*everything(project / "data/bank")} == {"dvc.yaml", ".dvc/config", ".dvc/.gitignore"}
    assert (project / "data/bank/dvc.yaml").read_text(encoding="utf-8") == "of: bank\n"
    (project / "data/bank/.dvc/config").write_text("mine", encoding="utf-8")
    create(project, force=True)
    assert (project / "data/bank/.dvc/config").read_text(encoding="utf-8") == "mine"


def test_its_parameters_are_the_roots_but_for_source_and_places(project: Path) -> None:
    folder = create(project, source="sqlite:///crm.db::customers")
    expected = parameters(project / "params.yaml")
    expected["dataset"] = {
        "name": "bank",
        "folder": "data/bank",
        "contract": "conf/bank/contract.yml",
    }
    expected["ingestion"]["source"] = "sqlite:///crm.db::customers"
    assert expected["scoring"]["source"] is None
    for key, value in expected["serving"].items():
        if str(value).startswith("data/"):
            expected["serving"][key] = value.replace("data/", "data/bank/")
    assert expected["ledger"]["address"] == "sqlite:///data/10_ledger/ledger.sqlite"
    expected["ledger"]["address"] = "sqlite:///data/bank/10_ledger/ledger.sqlite"
    expected["gates"]["minimum_roc_auc"] = 0.6
    assert parameters(folder / "params.yaml") == expected
    assert list(parameters(folder / "params.yaml")) == list(expected)
    check_parameters(expected)


@pytest.mark.parametrize("address", ["null", "postgresql://h/d", "sqlite:////srv/l.sqlite"])
def test_a_ledger_elsewhere_is_shared(project: Path, address: str) -> None:
    file = project / "params.yaml"
    text = file.read_text(encoding="utf-8")
    before = "address: sqlite:///data/10_ledger/ledger.sqlite"
    assert before in text
    file.write_text(text.replace(before, f"address: {address}"), encoding="utf-8")
    expected = None if address == "null" else address
    assert parameters(create(project) / "params.yaml")["ledger"] == {"address": expected}


def test_comments_of_the_parameters_are_kept(project: Path) -> None:
    text = (create(project) / "params.yaml").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("  folder: ")]
    assert line == "  folder: data/bank  # where all its outputs are written"
    assert "`make repro ENV=bank`" in text


def test_the_parameters_may_have_been_rewritten_by_an_experiment(project: Path) -> None:
    expected = parameters(create(project, name="before") / "params.yaml")
    with modify_yaml(str(project / "params.yaml")) as document:  # as `dvc exp run -S` does
        document["economics"]["contact_cost"] = 2
    assert "\n  source:\n" in (project / "params.yaml").read_text(encoding="utf-8")  # was null
    found = parameters(create(project, name="after") / "params.yaml")
    expected["economics"]["contact_cost"] = 2
    assert found["scoring"] == expected["scoring"]
    assert found["economics"] == expected["economics"]
    assert found["ingestion"] == expected["ingestion"]


@pytest.mark.parametrize(
    "source", ["C:\\my files\\ä #1: a.csv", "null", "12", "- x", "postgresql://h/d::select 1, 2"]
)
def test_any_source_is_read_back(project: Path, source: str) -> None:
    folder = create(project, source=source)
    assert parameters(folder / "params.yaml")["ingestion"]["source"] == source


def test_the_service_of_a_data_set_has_its_own_places(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(project)
    monkeypatch.chdir(project)
    settings = load_settings(environ={"KEDRO_ENV": "bank"})
    assert settings.champion == project / "data/bank/06_models/bundle"
    assert settings.audit_log == project / "data/bank/09_serving/audit"
    assert load_settings(environ={}).champion == project / "data/06_models/bundle"


def test_one_that_exists_is_replaced_on_demand_only(project: Path) -> None:
    folder = create(project)
    for former in ("dvc.yaml", "dvc.lock"):
        (folder / former).write_text("old", encoding="utf-8")
    (folder / "catalog.yml").write_text("mine", encoding="utf-8")
    before = everything(project)
    with pytest.raises(DatasetNameError, match=r"conf/bank exists already; .*--force"):
        create(project, contract_text="new\n")
    assert everything(project) == before
    create(project, contract_text="new\n", force=True)
    assert (folder / "contract.yml").read_text(encoding="utf-8") == "new\n"
    assert {path.name for path in folder.iterdir()} == FILES | {"catalog.yml"}


def test_nothing_is_left_of_one_that_failed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create(project)
    before = everything(project)

    def fail(*arguments: object) -> str:
        raise OSError("no space left on device")

    for step in ("render_dvc_yaml", "_own_params"):
        monkeypatch.setattr(datasets, step, fail)
        for name in ("bank", "other"):
            with pytest.raises(OSError, match="no space"):
                create(project, name, force=True)
        assert everything(project) == before


def test_a_kill_between_the_renames_loses_nothing(project: Path) -> None:
    folder = create(project)
    before = everything(folder)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder.rename(folder.with_name(f".bank.{dead.pid}-0123abcd.old"))
    with pytest.raises(DatasetNameError, match="exists already"):
        create(project, contract_text="new\n")
    assert everything(folder) == before
    assert [path.name for path in (project / "conf").iterdir()] == ["bank"]


@pytest.mark.parametrize("name", ["base", "local", "../x", "a b", ""])
def test_a_bad_name_is_refused(project: Path, name: str) -> None:
    with pytest.raises(DatasetNameError, match="cannot be the name of a data set"):
        create(project, name)
    assert list((project / "conf").iterdir()) == []


@pytest.mark.parametrize("text", ["split: {}\n", "dataset: {folder: data}\nserving:\n", "a: ["])
def test_parameters_that_cannot_be_taken_over(project: Path, text: str) -> None:
    (project / "params.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=r"params\.yaml"):
        create(project)
    assert list((project / "conf").iterdir()) == []

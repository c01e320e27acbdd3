from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from benchmarks.telco import simulate_customers
from churn_pipeline.cli import cli
from churn_pipeline.datasets import scaffolding
from churn_pipeline.io.contract_dataset import ContractDataset
from churn_pipeline.io.raw_table import RawTableDataset
from tests.discovery.tables import amounts, churn, ids

N = 400


@pytest.fixture
def whole_project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the parameters and the configuration of this one, and a table."""
    for name in ("params.yaml", "pyproject.toml", "dvc.yaml"):
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "conf", tmp_path / "conf")
    (tmp_path / "src").mkdir()
    folder = tmp_path / "data" / "01_raw"
    folder.mkdir(parents=True)
    table = pd.DataFrame(
        {
            "member": ids(N), "fee": amounts(N), "visits": [i % 9 for i in range(N)],
            "gender": ["F", "M"] * (N // 2), "cancelled": churn(N), "notes": ["-"] * N,
        }
    )  # fmt: skip
    table.to_csv(folder / "Gym members.csv", index=False, sep=";")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(whole_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, but a dvc.yaml takes no time."""
    monkeypatch.setattr(scaffolding, "render_dvc_yaml", lambda *_: "stages: {}\n")
    return whole_project


SOURCE = "data/01_raw/Gym members.csv"


def kedro(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["contract", *arguments], obj=bootstrap_project(project))


@pytest.mark.parametrize("options", [(), ("--env", "bank")])
def test_infer_shows_no_password(project: Path, options: tuple[str, ...]) -> None:
    result = kedro(project, "infer", "postgresql://bob:a::hush@127.0.0.1:9/d::Ü", *options)
    assert result.exit_code == 1
    assert "SOURCE contains a password" in result.output
    assert "hush" not in result.output


def test_a_subfolder_is_as_good_a_place_as_the_root(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "data/01_raw")
    result = kedro(project, "infer", "Gym members.csv", "--env", "gym", "--positive", "yes")
    assert result.exit_code == 0, result.output
    params = yaml.safe_load((project / "conf/gym/params.yaml").read_text(encoding="utf-8"))
    assert params["ingestion"]["source"] == SOURCE
    for given in ([], ["--source", "Gym members.csv"], ["--source", SOURCE]):
        checked = kedro(project, "check", "--env", "gym", *given)
        assert f"{SOURCE}: 400 of 400 rows meet" in checked.output


def test_infer_writes_a_data_set(whole_project: Path) -> None:
    project = whole_project
    result = kedro(project, "infer", SOURCE, "--positive", "yes")
    assert result.exit_code == 0, result.output
    folder = project / "conf" / "gym_members"
    contract = ContractDataset(filepath=str(folder / "contract.yml")).load()
    assert contract.name == "gym_members"
    assert (contract.id.name, contract.target.name) == ("member", "cancelled")
    assert [c.name for c in contract.features] == ["fee", "visits", "gender"]
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    assert params["ingestion"]["source"] == SOURCE
    assert "# What was inferred from Gym members.csv" in (folder / "inference.md").read_text()
    for text in ("target cancelled, 'yes' means churn: 25.0%", "id member", "3 features, 1 of",
                 "kedro run --env gym_members", "make serve ENV=gym_members"):  # fmt: skip
        assert text in result.output
    check = kedro(project, "check", "--env", "gym_members")
    assert check.exit_code == 0, check.output
    assert "400 of 400 rows meet the contract" in check.output


def test_a_data_set_is_never_overwritten_silently(project: Path) -> None:
    assert kedro(project, "infer", SOURCE, "--env", "gym").exit_code == 0
    path = project / "conf" / "gym" / "contract.yml"
    path.write_text("mine", encoding="utf-8")
    refused = kedro(project, "infer", SOURCE, "--env", "gym", "--drop", "fee")
    assert refused.exit_code == 1
    assert "Error: conf/gym exists; choose another --env, or add --force" in refused.output
    assert path.read_text(encoding="utf-8") == "mine"
    again = kedro(project, "infer", SOURCE, "--env", "gym", "--drop", "fee", "--force")
    assert again.exit_code == 0
    assert "conf/gym is replaced; its contents are lost" in again.output
    contract = ContractDataset(filepath=str(path)).load()
    assert contract.columns["fee"].roles == ("ignored",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv"], "nowhere.csv does not exist; give as SOURCE the path of your customer"),
        (["data/01_raw"], "data/01_raw is a folder; SOURCE needs one file, of which it has: Gym"),
        ([SOURCE, "--encoding", "klingon"], "--encoding 'klingon' is not a text encoding"),
        ([SOURCE, "--separator", "||"], "--separator '||': it must be one ASCII character"),
        ([SOURCE, "--target", "visits"], "has 9 values"),
        ([SOURCE, "--target", "canceled"], "did you mean 'cancelled'"),
        ([SOURCE, "--env", "base"], "'base' cannot be the name"),
        ([SOURCE, "--env", "a/b"], "'a/b' cannot be the name"),
        ([SOURCE, "--horizon-days", "0"], "--horizon-days"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(
    project: Path, arguments: list[str], message: str
) -> None:
    before = sorted((project / "conf").rglob("*"))
    result = kedro(project, "infer", *arguments)
    assert result.exit_code != 0
    assert message in result.output
    assert "Traceback" not in result.output
    assert sorted((project / "conf").rglob("*")) == before


def test_the_layout_of_a_file_is_asked_about_and_kept(project: Path) -> None:
    path = project / SOURCE
    lines = path.read_text(encoding="utf-8").replace("F;", "жен;").splitlines()
    lines.insert(1, "номер;взнос;визиты;пол;отток;заметки")
    lines = ["Members of the gym", "", *lines, "Total;1;2;;;"]
    path.write_bytes("\n".join(lines).encode("cp1251"))
    result = kedro(project, "infer", SOURCE, "--positive", "yes", "--encoding", "cp1251")
    assert result.exit_code == 0, result.output
    folder = project / "conf" / "gym_members"
    text = (folder / "contract.yml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    assert document["file"] == {
        "encoding": "cp1251", "skip_rows": 2, "header_rows": 2, "footer": ["Total"]
    }  # fmt: skip
    assert "жен" in document["columns"]["gender"]["values"]
    report = (folder / "inference.md").read_text(encoding="utf-8")
    assert "--skip-rows N" in report
    assert "--header-rows 1" in report
    # the catalog's data sets read it the same way
    check = kedro(project, "check", "--env", "gym_members")
    assert "400 of 400 rows meet the contract" in check.output
    contract = str(folder / "contract.yml")
    loaded = RawTableDataset(filepath=str(path), contract=contract).load()
    assert (len(loaded.cells), loaded.encoding) == (400, "cp1251")
    path.write_text("\n".join(lines), encoding="utf-16-be")
    again = kedro(project, "check", "--env", "gym_members", "--source", SOURCE)
    assert "400 of 400 rows meet the contract" in again.output


def test_check_counts_what_a_table_breaks(project: Path) -> None:
    table = simulate_customers(50, seed=3).customers
    table.loc[3, table.columns[1]] = "?!"
    table.to_csv(project / "customers.csv", index=False)
    result = kedro(project, "check", "--source", "customers.csv")
    assert result.exit_code == 1
    assert "49 of 50 rows meet the contract of base" in result.output
    assert f"1  allowed_values ({table.columns[1]})" in result.output


def test_help_has_examples(project: Path) -> None:
    for command in ("infer", "check"):
        text = kedro(project, command, "--help").output
        assert "Examples:" in text
        assert f"kedro contract {command} " in text

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from churn_pipeline.cli.simulate import simulate


@pytest.fixture
def project(tmp_path: Path, root: Path) -> SimpleNamespace:
    """A project's folder with the kinds alone."""
    (tmp_path / "conf/base").mkdir(parents=True)
    (tmp_path / "conf/base/simulation").symlink_to(root / "conf/base/simulation")
    return SimpleNamespace(project_path=tmp_path)


def run(project: SimpleNamespace, *arguments: object) -> Result:
    return CliRunner().invoke(simulate, [str(item) for item in arguments], obj=project)


def test_a_kind_is_drawn_into_the_projects_data(project: SimpleNamespace) -> None:
    result = run(project, "--kind", "bank", "--customers", 60, "--seed", 4)
    assert result.exit_code == 0, result.output
    folder = project.project_path / "data/01_raw"
    customers, truth = (pd.read_csv(folder / name) for name in ("bank.csv", "bank_truth.csv"))
    assert len(customers) == 60
    assert truth["customer_id"].tolist() == customers["customer_id"].tolist()
    assert truth["churn_probability"].between(0, 1).all()
    assert "bank.csv: 60 rows" in result.output


def test_the_ending_chooses_the_format(project: SimpleNamespace, tmp_path: Path) -> None:
    table, truth = tmp_path / "s.parquet", tmp_path / "t.csv"
    options = ("--customers", 40, "--output", table, "--truth", truth, "--set", "snapshots=3")
    result = run(project, "--kind", "saas", *options, "--set", "first_snapshot=2024-02-29")
    assert result.exit_code == 0, result.output
    assert pd.read_parquet(table)["snapshot_date"].unique().tolist() == [
        "2024-02-29",
        "2024-03-31",
        "2024-04-30",
    ]
    assert "treatment_effect" in pd.read_csv(truth)


def test_files_are_overwritten_by_force_alone(project: SimpleNamespace) -> None:
    assert run(project, "--customers", 20).exit_code == 0
    path = project.project_path / "data/01_raw/telco.csv"
    before = path.read_bytes()
    refused = run(project, "--customers", 20, "--seed", 1)
    assert refused.exit_code == 1
    assert "telco.csv exists; choose another --output or add --force" in refused.output
    assert path.read_bytes() == before
    assert run(project, "--customers", 20, "--seed", 1, "--force").exit_code == 0
    assert path.read_bytes() != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "shop"], "shop.yml does not exist; kinds there: bank, saas, telco, usage"),
        (["--output", "x.xlsx"], "--output must end in .csv or .parquet, not 'x.xlsx'"),
        (["--output", "x.csv", "--truth", "x.csv"], "must be different files"),
        (["--kind", "bank", "--set", "size=3"], "bank.yml has no parameter 'size'"),
        (["--kind", "bank", "--set", "noise=high"], "is not NAME=VALUE with a number or a date"),
        (["--kind", "bank", "--set", "noise"], "is not NAME=VALUE"),
    ],
)
def test_wrong_options_get_one_sentence(
    options: list[str], message: str, project: SimpleNamespace
) -> None:
    result = run(project, *options)
    assert result.exit_code in (1, 2)
    assert message in result.output
    assert not (project.project_path / "data").exists()


def test_a_kind_of_ones_own_is_named_by_its_path(project: SimpleNamespace, tmp_path: Path) -> None:
    text = (tmp_path / "conf/base/simulation/usage.yml").read_text()
    own = tmp_path / "own.yml"
    own.write_text(text.replace("churn_rate: 0.145", "churn_rate: 0.9"))
    assert run(project, "--kind", own, "--customers", 300).exit_code == 0
    truth = pd.read_csv(tmp_path / "data/01_raw/own_truth.csv")
    assert truth["churn_probability"].mean() == pytest.approx(0.9, abs=0.01)

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl  # type: ignore[import-untyped]
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result

from churn_pipeline.cli.campaign import campaign
from churn_pipeline.cli.ledger_outcomes import outcomes as outcomes_command
from churn_pipeline.contract import Contract
from tests.ledger.books import Book, scores

CUSTOMERS = 1500


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with scores of the end of January in its ledger."""
    parameters = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    place = tmp_path / "data" / "10_ledger" / "ledger.sqlite"
    parameters["ledger"]["address"] = f"sqlite:///{place}"
    parameters["campaign"]["actions"] = {
        "call": {"contact_cost": 5, "acceptance_alpha": 10, "acceptance_beta": 10, "capacity": 200},
        "mail": {},
    }
    parameters["campaign"]["contact_days"] = 36_500  # the scores of these tests are old
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(parameters, sort_keys=False))
    contract = (root / "conf/base/contract.yml").read_text(encoding="utf-8")
    folder = tmp_path / "conf/base"
    folder.mkdir(parents=True)
    (tmp_path / "conf/local").mkdir()
    (folder / "contract.yml").write_text(contract)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KEDRO_ENV", raising=False)
    ledger(tmp_path).save(scores(CUSTOMERS))
    return tmp_path


def ledger(project: Path) -> Any:
    book = Book(project, None)
    book.path = project / "data/10_ledger/ledger.sqlite"
    book.address = f"sqlite:///{book.path}"
    return book.dataset("churn_pipeline")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(campaign, arguments)


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1, result.output
    return result.output


def outcomes(project: Path, contract: Contract, accepts: float, seed: int = 0) -> Path:
    """What became of all, should this share of contacted churners stay."""
    contacts = set(pd.read_csv(project / "data/11_campaigns/spring/actions.csv")["customer"])
    rng = np.random.default_rng(seed)
    table = scores(CUSTOMERS)
    leaves = rng.random(CUSTOMERS) < table["churn_probability"]
    stays = table["customer"].isin(contacts) & (rng.random(CUSTOMERS) < accepts)
    target = contract.target
    values = {True: target.positive, False: next(v for v in target.values if v != target.positive)}
    file = project / "later.csv"
    pd.DataFrame(
        {
            contract.id.name: table["customer"],
            target.name: [values[bool(left)] for left in leaves & ~stays],
        }
    ).to_csv(file, index=False)
    return file


def test_a_campaign_from_plan_to_profit(project: Path, contract: Contract) -> None:
    text = done("plan", "spring", "--contacts", "600", "--purpose", "keep them")
    assert "spring: 600 of 1,500 scored customers to contact" in text
    assert "the contacts of 600 binds" in text
    folder = project / "data/11_campaigns/spring"
    document = json.loads((folder / "campaign.json").read_text())
    listed = pd.read_csv(folder / "actions.csv")
    assert len(listed) == document["customers"]["contacted"] == 600
    assert (listed["action"] == "call").sum() <= 200
    sheet = openpyxl.load_workbook(folder / "actions.xlsx")["spring"]
    assert sheet.max_row == 601
    assert [cell.value for cell in sheet[1]][:2] == ["rank", "customer"]

    assert "spring confirmed: contact the 600 customers" in done("confirm", "spring")
    assert "had been confirmed already" in done("confirm", "spring")
    text = done("close", "spring", "--outcomes", str(outcomes(project, contract, 0.5)))
    assert "contacting kept customers" in text
    assert "of the churners accepted, 50% were assumed" in text
    result = json.loads((folder / "result.json").read_text())
    assert result["effect"]["low"] > 0
    shown = done("show", "spring")
    assert shown.startswith("status: closed\n")
    assert text.splitlines()[0] in shown
    assert "spring    closed" in done("show")


def test_a_campaign_is_closed_by_the_outcomes_of_the_ledger(project: Path) -> None:
    done("plan", "spring", "--contacts", "600")
    done("confirm", "spring")
    said = refused("close", "spring")
    assert "has no horizon_days" in said
    assert "knows no outcome of a customer of spring" in refused(
        "close", "spring", "--horizon", "30"
    )
    in_future = (datetime.now(UTC).date() - date(2026, 1, 31)).days + 5
    early = refused("close", "spring", "--horizon", str(in_future))
    assert "what is known before are mostly customers who left" in early
    rng = np.random.default_rng(2)
    table = scores(CUSTOMERS)
    leaves = rng.random(CUSTOMERS) < table["churn_probability"]
    lines = [
        f"{who},churned,2026-02-05" if left else f"{who},stayed,2026-03-10"
        for who, left in zip(table["customer"], leaves, strict=True)
    ]
    (project / "told.csv").write_text("\n".join(["customer,outcome,happened_on", *lines]) + "\n")
    assert CliRunner().invoke(outcomes_command, ["told.csv"]).exit_code == 0
    assert "spring: churn " in done("close", "spring", "--horizon", "30")
    result = json.loads((project / "data/11_campaigns/spring/result.json").read_text())
    assert result["customers"]["contacted"] == 600
    assert result["customers"]["contacted_unknown"] == 0


def test_a_draft_is_refused_once_the_scores_have_changed(project: Path) -> None:
    done("plan", "spring")
    ledger(project).save(scores(CUSTOMERS, version="m2", shift=0.001))
    text = refused("confirm", "spring")
    assert "scores or campaigns have changed since spring was drafted" in text
    done("plan", "spring")
    assert "spring confirmed" in done("confirm", "spring")


def test_a_second_campaign_leaves_the_first_ones_customers_alone(project: Path) -> None:
    done("plan", "spring", "--contacts", "100")
    done("confirm", "spring")
    text = done("plan", "autumn", "--contacts", "100")
    assert "(contacted by spring)" in text
    assert "(held out of spring)" in text
    lists = [
        set(pd.read_csv(project / f"data/11_campaigns/{name}/actions.csv")["customer"])
        for name in ("spring", "autumn")
    ]
    assert not lists[0] & lists[1]
    assert "autumn    draft" in done("show")


def test_customers_of_a_table_are_not_contacted(project: Path, contract: Contract) -> None:
    name = contract.id.name
    for text, said in (
        ("C000099,no consent, twice\nC000098,no consent\nC000097,no consent", "line 2: "),
        (",no consent", f"line 2: {name} is empty"),
        ("c000099,no consent", "none of the 1 customers not to contact, such as c000099, is among"),
    ):
        (project / "no.csv").write_text(f"{name},reason\n{text}\n")
        assert said in refused("plan", "spring", "--suppress", "no.csv")
    lines = ["C000099,no consent", "C000199,"]
    (project / "no.csv").write_text("\n".join([f"{name},reason", *lines]) + "\n")
    text = done("plan", "spring", "--suppress", "no.csv")
    assert "not to contact: 1 (no consent)" in text
    assert "not to contact: 1 (no.csv)" in text
    assert "spring confirmed" in done("confirm", "spring")
    listed = pd.read_csv(project / "data/11_campaigns/spring/actions.csv")["customer"]
    assert not {"C000099", "C000199"} & set(listed)
    assert "C000299" in set(listed)


def test_mistakes_end_in_a_sentence(project: Path, contract: Contract) -> None:
    assert "cannot be the name of a campaign" in refused("plan", "../spring")
    assert "no scores of churn_pipeline as of 2020-01-01" in refused(
        "plan", "spring", "--as-of", "2020-01-01"
    )
    assert "there is no draft of a campaign in" in refused("confirm", "spring")
    assert "there is no confirmed campaign spring" in refused(
        "close", "spring", "--outcomes", "later.csv"
    )
    assert "there is no campaign spring" in refused("show", "spring")
    assert "No campaigns yet" in done("show")
    done("plan", "spring")
    done("confirm", "spring")
    assert "is confirmed and does not change" in refused("plan", "spring")
    assert "later.csv does not exist" in refused("close", "spring", "--outcomes", "later.csv")
    target = contract.target
    for text, said in (
        (f"{contract.id.name}\nC000001\n", f"has no column {target.name}"),
        (f"{contract.id.name},{target.name}\nC000001,maybe\n", "line 2: "),
        (f"{contract.id.name},{target.name}\nZ9,{target.positive}\n", "none of the "),
    ):
        (project / "later.csv").write_text(text)
        assert said in refused("close", "spring", "--outcomes", "later.csv")
    assert "status: confirmed" in done("show", "spring")


def test_a_campaign_that_comes_too_late_is_not_confirmed(project: Path) -> None:
    file = project / "params.yaml"
    text = file.read_text()
    file.write_text(text.replace("contact_days: 36500", "contact_days: 7"))
    planned = done("plan", "spring")
    assert "warning: customers of spring were to be contacted by 2026-02-07" in planned
    assert "to be contacted by 2026-02-07" in refused("confirm", "spring")


def test_churners_alone_prove_nothing(project: Path) -> None:
    done("plan", "spring", "--contacts", "600")
    done("confirm", "spring")
    lines = [f"C{i:06d},churned,2026-02-05" for i in range(0, CUSTOMERS, 3)]
    (project / "told.csv").write_text("\n".join(["customer,outcome,happened_on", *lines]) + "\n")
    assert CliRunner().invoke(outcomes_command, ["told.csv"]).exit_code == 0
    said = refused("close", "spring", "--horizon", "30")
    assert "of the customers of spring are unknown; 20% at most may be" in said
    early = done("close", "spring", "--horizon", "30", "--early")
    assert "no effect is shown" in early


def test_an_empty_campaign_and_a_broken_draft_end_in_a_sentence(project: Path) -> None:
    done("plan", "spring", "--contacts", "0")
    assert "selects nobody" in refused("confirm", "spring")
    (project / "data/11_campaigns/spring/campaign.json").write_text("[]")
    assert "is not what was planned; plan the campaign again" in refused("confirm", "spring")
    assert "No campaigns yet" in done("show")
    for option in ("--budget", "--held-out"):
        assert run("plan", "spring", option, "nan").exit_code == 2


def test_of_two_campaigns_at_once_the_second_is_planned_again(project: Path) -> None:
    for name in ("spring", "autumn"):
        done("plan", name, "--contacts", "300")
    done("confirm", "spring")
    assert "have changed since autumn was drafted" in refused("confirm", "autumn")


def test_parameters_without_the_section_say_so(project: Path) -> None:
    file = project / "params.yaml"
    parameters = yaml.safe_load(file.read_text())
    del parameters["campaign"]
    file.write_text(yaml.safe_dump(parameters))
    assert "has no section campaign; copy that of params.yaml" in refused("plan", "spring")


def test_an_id_that_looks_like_a_formula_is_text_in_the_workbook(project: Path) -> None:
    table = scores(200, "2026-02-28")
    table["customer"] = pd.array([f"=1+{i}" for i in range(200)], dtype="str")
    ledger(project).save(table)
    done("plan", "spring")
    sheet = openpyxl.load_workbook(project / "data/11_campaigns/spring/actions.xlsx")["spring"]
    assert sheet["B2"].value.startswith("=1+")
    assert sheet["B2"].data_type == "s"

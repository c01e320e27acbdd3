from __future__ import annotations

import dataclasses
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from churn_pipeline.contract import Contract
from churn_pipeline.reporting.embedding import data_uri
from churn_pipeline.reporting.model_card import FIGURES, write_model_card
from churn_pipeline.reporting.page import render_page
from tests.reporting.conftest import card_outputs, interval, metrics_by_period

PERIODS = "metrics_by_period.png"  # shown if there are several


@pytest.fixture(scope="module")
def card(small_contract: Contract) -> str:
    return write_model_card(**card_outputs(small_contract))


def words(card: str) -> str:
    """What a reader of the rendered card sees, without the pictures."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    inline = [token for token in parser.parse(card) if token.type in ("inline", "fence")]
    texts = [
        "".join(child.content or " " for child in token.children or [] if child.type != "image")
        or token.content
        for token in inline
    ]
    return " ".join(" | ".join(texts).split())


def rows(card: str, first: str) -> list[str]:
    """The lines of the table whose header begins with ``first``."""
    lines = card.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith("|"))
    return lines[start + 2 : end]


def readable(line: str) -> str:
    return line.replace("&nbsp;", " ").replace("\u00a0", " ")


@pytest.mark.parametrize(
    "figures",
    [
        # first screen
        ["Of 1,437 customers", "the 10% it gave", "in 76% of cases, against 27% of all."],
        ["Expected profit | 73,200 CHF [64,100, 82,500] | of one campaign among the customers"],
        ["Per customer | 10.40 CHF [9.10, 11.72] |", "contacting everyone would earn 7.32"],
        ["Whom to contact | 3,558 customers | 50.5%: those with a churn probability above 16.4%"],
        ["What it costs | 27,400 CHF | 3,558 for the contacts, about 23,900 for accepted offers"],
        ["Quality gates | PASS 4 of 4 passed | all limits that are set are met"],
        ["about 3,558 of 7,043", "30% of the contacted churners", "loses money below 7.0%"],
        ["The probabilities are off for groups of is_senior: 1 difference beyond noise. Fairness"],
        # data
        ["mine_<24>.csv", "458e84840caf3f9e" * 4, "7,046", "Rows used | 7,043", "0.04%"],
        ["2024-01-31 to 2025-06-13", "left is “y”: Left within 30 days."],
        ["5,606 customers, 1,476 churned (26.3%)", "1,437 customers, 393 churned (27.3%)"],
        ["months | 0 to 99 | months | Time with us. | 1.2%", "a, b, c, d, e, f and 2 more"],
        ["fee_a_month | fee / (months + 1) | EUR", "number, 0 or more", "sex (not an input)"],
        # protocol
        ["seed 104", "20% expected, 20.4% found", "12 settings", "5 folds", "2 times", "1,000"],
        # metrics
        ["0.844 [0.823, 0.866]", "0.420 [0.394, 0.448]", "0.0257 [0.0000, 0.0364]"],
        ["47.0% [43.2%, 50.8%]", "86.8% [83.5%, 90.1%]", "2.79 [2.52, 3.11]", "95% intervals"],
        # DeLong
        ["runner-up lightgbm | 0.8459 | −0.0016 [−0.0061, +0.0029] | 0.48"],
        ["baseline | 0.8380 | +0.0062 [+0.0016, +0.0109] | 0.0079"],
        # calibration
        ["sigmoid | 0.4159 | 0.4160 | 0.71 | not used", "isotonic | 0.4159 | 0.4193 | 1.00"],
        # decisions
        [
            "CLV | 200 CHF |",
            "incentive_cost | d | 10 CHF",
            "| 14 |",
            "30.0% of the contacted churners",
        ],
        ["10.52 [9.20, 11.87] CHF", "71.0% [67.8%, 74.1%]", "the 48.7% of the customers"],
        ["contact everyone | 100.0% | 7.324 [5.811, 8.812] | 3.075 [2.601, 3.521]"],
        ["high | 60% to 80% | 206 | 14.3% | 73.8% | 69.0% | 206 | call, with an offer"],
        ["critical | 80% to 100% | 0 | 0.0% | – | – | 0 | call today"],
        # explanations, fairness, gates, seeds
        ["months | Time with us. | 0.741 | 48.3%", "fee_a_month | Fee. | 0.0123 | 0.8%"],
        ["1 | 244 | 41.3% [38.2%, 44.6%] | 63.1% [59.4%, 66.8%]", "+1.2 [−1.9, +3.6]"],
        ["contacted in 63.1% of cases", "Share contacted | +19.1 | < 0.0001", "not judged"],
        ["ROC-AUC, at least | 0.8 | 0.8443 | PASS | interval 0.8231", "| on | – | PASS"],
        ["split.seed | 104", "tuning.seed | 103", "training.seed | 102", "evaluation.seed | 101"],
    ],
)
def test_card_tells_the_figures_of_the_outputs(card: str, figures: list[str]) -> None:
    text = words(card)
    for figure in figures:
        assert figure in text, figure


def test_candidates_are_ranked_and_held_against_the_best(card: str) -> None:
    lines = [readable(line) for line in rows(card, "Candidate")]
    assert [re.findall(r"`(\w+)`", line)[0] for line in lines] == [
        "lightgbm", "xgboost", "logistic_regression", "random_forest", "baseline",
    ]  # fmt: skip
    assert "0.4142 ± 0.0183 | 0.8488 ± 0.0140 | 1,523 |" in lines[0]
    assert lines[0].endswith("| lowest log loss |")
    assert "| +0.0017 [−0.0027, +0.0060] | 0.62 | chosen, not significantly worse |" in lines[2]
    assert "| < 0.0001 | significantly worse |" in lines[3]


def test_a_comparison_the_other_way_round_is_turned(outputs: dict[str, Any]) -> None:
    selection = outputs["selection"]
    selection["candidates"]["baseline"]["log_loss"]["mean"] = 0.40
    for entry in selection["comparisons"]:
        if (entry["candidate"], entry["other"]) == ("baseline", "lightgbm"):
            entry |= {"candidate": "lightgbm", "other": "baseline", "difference": 0.014213}
            entry |= {"low": 0.01, "high": 0.02}
    line = readable(rows(write_model_card(**outputs), "Candidate")[0])
    assert line.startswith("| `baseline`")
    assert "| −0.0142 [−0.0200, −0.0100] |" in line
    assert line.endswith("| significantly better |")


def test_tables_are_well_formed(card: str, pictures: dict[str, bytes]) -> None:
    lines = card.splitlines()
    tables = 0
    for before, line in pairwise(lines):
        cells, cells_before = (len(re.findall(r"(?<!\\)\|", part)) for part in (line, before))
        if line.startswith("|"):
            assert line.endswith("|"), line
            if before.startswith("|"):
                assert cells == cells_before, (before, line)
            else:
                tables += 1
    assert tables > 12
    rendered = render_page(card, **pictures)
    assert rendered.count("<table") == tables - 1  # the first is that of the key figures
    body = rendered.partition("<main>")[2].partition("</main>")[0]
    assert "|" not in re.sub(r"men \| boys|Sex \| on record", "", body)


def test_every_figure_is_shown_and_described(card: str, pictures: dict[str, bytes]) -> None:
    page = render_page(card, **pictures)
    held = re.findall(r'<img src="([^"]+)"[^>]* alt="([^"]+)">', page)
    shown = {file: figure for file, figure in FIGURES.items() if file != PERIODS}
    assert sorted(held) == sorted(
        (data_uri(pictures[file.removesuffix(".png")]), alt) for file, (alt, _) in shown.items()
    )
    for _, caption in shown.values():
        assert f"<figcaption>{caption}</figcaption>" in page


def test_what_comes_from_outside_is_escaped(card: str, pictures: dict[str, bytes]) -> None:
    page = render_page(card, **pictures)
    for text in (card, page.partition("<main>")[2].partition("</main>")[0]):
        assert not re.search(r"<(?:script|b|i|24)\b", text)
    assert "&lt;script&gt;" in page
    assert re.search(r"<td[^>]*>men \| boys</td>", page)
    assert "<code>plan_*x*</code>" in page
    assert "<p># One row per member" in page  # not a heading
    assert "<code>note`s</code>" in page


def test_same_outputs_give_the_same_card(
    card: str, outputs: dict[str, Any], pictures: dict[str, bytes]
) -> None:
    assert write_model_card(**outputs) == card
    assert render_page(card, **pictures) == render_page(card, **pictures)


def test_page_loads_nothing_from_elsewhere(card: str, pictures: dict[str, bytes]) -> None:
    page = render_page(card, **pictures)
    assert "http" not in page
    assert " src=" not in re.sub(r' src="data:', "", page)
    assert "@import" not in page
    assert "url(" not in page


@pytest.mark.parametrize(
    ("section", "key"),
    [("metrics", "roc_auc"), ("economics", "empc"), ("selection", "reason"), ("gates", "gates")],
)
def test_missing_output_is_an_error_not_a_blank(
    outputs: dict[str, Any], section: str, key: str
) -> None:
    del outputs[section][key]
    with pytest.raises((UndefinedError, KeyError)):
        write_model_card(**outputs)


def test_what_a_cheaper_champion_gives_up_is_said_in_money(
    card: str, outputs: dict[str, Any]
) -> None:
    sentence = "earned 0.0976 [−0.1012, 0.2988] CHF more per customer than `lightgbm` would have."
    assert sentence in readable(card)
    outputs["selection"]["best"] = outputs["selection"]["champion"]
    assert "more per customer than" not in write_model_card(**outputs)


def test_profits_at_other_acceptance_rates_are_on_the_first_screen(card: str) -> None:
    assert "if 10%, 20% or 40% of the contacted churners accept instead of the assumed 30%" in card


def test_stability_of_reasons_is_said_with_the_inputs_that_are_alike(
    card: str, outputs: dict[str, Any]
) -> None:
    text = " ".join(card.split())
    assert "it gave 78.8% of the customers the same first reason; 85.1% of their reasons" in text
    assert "- `months`, `visits`" in card
    assert "With each group counted as one input: 87.7% and 90.3%." in text
    outputs["reason_stability"]["alike"] = []
    assert "counted as one input" not in write_model_card(**outputs)
    outputs["reason_stability"]["single"] = {"same_first": None, "same_reasons": None}
    assert "the same first reason" not in write_model_card(**outputs)


def test_folds_and_repeats_are_those_that_were_used(outputs: dict[str, Any]) -> None:
    outputs["selection"]["resampling"] = {"folds": 3, "repeats": 1}
    assert "3 folds,\n   repeated 1 time." in write_model_card(**outputs)


def test_a_gate_that_the_test_set_leaves_open_is_not_said_to_be_met(
    outputs: dict[str, Any],
) -> None:
    outputs["gates"]["gates"][1]["passed"] = None
    text = write_model_card(**outputs)
    assert "all limits that this test set can judge are met" in text
    assert "| not judged |" in text


def test_a_failed_gate_is_said_on_the_first_screen(
    outputs: dict[str, Any], pictures: dict[str, bytes]
) -> None:
    outputs["gates"]["passed"] = outputs["gates"]["gates"][0]["passed"] = False
    card = write_model_card(**outputs)
    summary = words(card.partition("## ")[0])
    assert "FAIL 3 of 4 passed | must not be used: ROC-AUC, at least" in summary
    assert "Do not use this model." in summary
    assert "1 of 4 quality gates failed: minimum_roc_auc. Quality gates" in summary
    assert "Score the current customers" not in summary
    assert '<strong class="fail">FAIL</strong>' in render_page(card, **pictures)


def test_gates_that_are_off_are_said_to_be(outputs: dict[str, Any]) -> None:
    outputs["gates"] = {"passed": True, "gates": []}
    text = words(write_model_card(**outputs))
    assert "All quality gates are switched off" in text
    assert "PASS" not in text


def test_nobody_to_contact_is_said(outputs: dict[str, Any]) -> None:
    model = outputs["economics"]["policies"]["model"]
    model |= {"contacted_share": 0.0, "profit_per_customer": interval(0.0, 0.0, 0.0)}
    outputs["metrics"]["precision"] = interval(0.0, 0.0, 0.0)
    summary = words(write_model_card(**outputs).partition("## ")[0])
    assert "Expected profit | 0 CHF [0, 0]" in summary
    assert "Whom to contact | 0 customers" in summary
    assert "Contact nobody" in summary


def test_individual_lifetime_values_have_no_common_break_even(outputs: dict[str, Any]) -> None:
    outputs["economics"]["threshold"] = None
    outputs["economics"]["assumptions"]["customer_lifetime_value"] = "worth"
    text = words(write_model_card(**outputs))
    assert "each customer's own" in text
    assert "CLV | column worth" in text
    assert "above a probability" not in text


def test_a_used_calibrator_is_described(outputs: dict[str, Any]) -> None:
    outputs["selection"]["calibration"] |= {
        "method": "sigmoid",
        "slope": 1.081234,
        "intercept": -0.043219,
    }
    text = words(write_model_card(**outputs))
    assert "sigmoid: slope 1.081, intercept −0.04322" in text
    assert "| 0.71 | used" in text


def test_a_lone_candidate_without_sensitive_columns_has_a_card(outputs: dict[str, Any]) -> None:
    contract = outputs["contract"]
    columns = {
        name: dataclasses.replace(
            column, roles=tuple(role for role in column.roles if role != "sensitive")
        )
        for name, column in contract.columns.items()
    }
    outputs["contract"] = dataclasses.replace(contract, columns=columns, derived_columns=())
    outputs["delong"] = {}
    outputs["fairness"] = {"columns": {}, "differences": [], "warnings": []}
    outputs["data_quality"] |= {"rejected_by_rule": {}, "unexpected_columns": []}
    outputs["train"] = outputs["train"].assign(joined="long ago")
    text = words(write_model_card(**outputs))
    assert "There is no other model to compare with." in text
    assert "marks no column as sensitive" in text
    assert "has no column of dates" in text
    assert "Broken rule" not in text
    assert "Computed from them" not in text


NOTE = "The gap of 7 days is shorter than the <30> days after which an outcome is known."


@pytest.fixture
def by_time(outputs: dict[str, Any]) -> dict[str, Any]:
    """Outputs of a panel that was split by time."""
    record = outputs["split_record"] | {
        "method": "time",
        "period": "month",
        "test_periods": 2,
        "gap_days": 30,
        "gap_from": "horizon_days",
        "last_training_snapshot": "2025-04-30",
        "first_test_snapshot": "2025-05-30",
        "customers_on_both_sides": 1012,
        "notes": [NOTE],
    }
    record["sides"]["training"]["customers"] = 2345
    record["sides"]["gap"] = {"rows": 678}
    table = metrics_by_period(
        {f"2025-{month:02d}": 0.2 + month / 1000 for month in range(1, 5)},
        {"2025-05": 0.31, "2025-06": 0.33},
    )
    table.loc[5, ["roc_auc", "roc_auc_low", "roc_auc_high"]] = np.nan
    return outputs | {"split_record": record, "metrics_by_period": table}


def test_a_split_by_time_is_told_with_its_periods(
    by_time: dict[str, Any], pictures: dict[str, bytes]
) -> None:
    card = write_model_card(**by_time)
    text = words(card)
    assert (
        "Of 1,437 rows from 2025-05-30 on, later than everything that the model had learned" in text
    )
    assert "latest 2 periods (unit: month), from 2025-05-30 on" in text
    assert "up to 2025-04-30, 30 days before at least, after which their outcomes" in text
    assert "678 rows in between belong to neither set. 1,012 customers are in both sets" in text
    assert "5,606 rows of 2,345 customers, 1,476 of them churned (26.3%)" in text
    assert "All rows of a customer were kept in one fold." in text
    assert "hash" not in text.partition("Protocol")[2].partition("Candidates")[0].lower()
    assert NOTE in text
    lines = [readable(line) for line in rows(card, "Set")]
    assert len(lines) == 6
    assert lines[0].startswith("| training | 2025-01 | 1,234 | 20.1% [17.1%, 24.1%] |")
    assert lines[5].startswith("| test | 2025-06 |")
    assert "| – |" in lines[5]
    page = render_page(card, **pictures)
    assert data_uri(pictures[PERIODS.removesuffix(".png")]) in page
    assert '<div id="over-time">' in page
    test_tables_are_well_formed(card, pictures)


def test_a_long_history_shows_its_latest_periods(by_time: dict[str, Any]) -> None:
    days = [f"{day}" for day in np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")]
    table = metrics_by_period(dict.fromkeys(days[:-1], 0.2), {days[-1]: 0.3})
    card = write_model_card(**by_time | {"metrics_by_period": table})
    lines = rows(card, "Set")
    assert len(lines) == 24
    assert lines[-1].startswith("| test | 2024-02-29 ")
    assert "36 earlier lines are in metrics_by_period.csv." in words(card)


def test_one_period_has_no_section_but_its_notes(
    card: str, outputs: dict[str, Any], by_time: dict[str, Any]
) -> None:
    assert "Over time" not in card
    note = "All rows have the snapshot 2025-01-31, so the split is by customer."
    record = outputs["split_record"] | {"method": "customer", "notes": [note]}
    single = metrics_by_period({"2025-01": 0.2}, {"2025-01": 0.25})
    noted = write_model_card(**outputs | {"split_record": record, "metrics_by_period": single})
    assert note in words(noted)
    assert PERIODS not in noted


def test_simulated_customers_are_said_to_be(card: str, outputs: dict[str, Any]) -> None:
    assert "simulator" not in card
    outputs["data_quality"]["source"]["name"] = "simulated.csv"
    assert "drawn by the project's simulator" in write_model_card(**outputs)


def test_every_figure_that_the_catalog_draws_is_shown(root: Path) -> None:
    catalog = yaml.safe_load((root / "conf/base/catalog.yml").read_text(encoding="utf-8"))
    paths = (Path(entry.get("filepath", "")) for entry in catalog.values())
    assert {path.name for path in paths if path.suffix == ".png"} <= set(FIGURES)

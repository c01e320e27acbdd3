from __future__ import annotations

from typing import Any

import pytest

from churn_pipeline.reporting import findings
from churn_pipeline.reporting.findings import Finding, find
from tests.reporting.conftest import economics, fairness, gates, interval, split_record


@pytest.fixture
def told() -> dict[str, Any]:
    """Outputs that leave nothing to warn of."""
    return {
        "gates": gates(),
        "economics": economics(),
        "fairness": fairness() | {"differences": []},
        "data_quality": {
            "source": {"name": "mine.csv"}, "rows_rejected": 3, "rejected_share": 0.0004,
        },
        "split_record": split_record(),
        "churners": 393,
    }  # fmt: skip


def test_a_good_model_has_no_findings(told: dict[str, Any]) -> None:
    assert find(told) == []


def change_gate(told: dict[str, Any]) -> None:
    told["gates"]["gates"][0]["passed"] = False


def change_profit(told: dict[str, Any]) -> None:
    told["economics"]["policies"]["model"]["profit_per_customer"] = interval(1, -0.1, 2)


def change_everyone(told: dict[str, Any]) -> None:
    told["economics"]["policies"]["contact_everyone"]["difference_to_model"] = interval(1, -1, 2)


@pytest.mark.parametrize(
    ("change", "words", "section"),
    [
        (change_gate, "1 of 4 quality gates failed: minimum_roc_auc", "Quality gates"),
        (lambda told: told["gates"].update(gates=[]), "switched off", "Quality gates"),
        (lambda told: told.update(churners=43), "Only 43 test customers churned", "Test metrics"),
        (lambda told: told.update(churners=1), "Only 1 test customer churned: too", "Test metrics"),
        (
            lambda told: told["gates"]["gates"][1].update(passed=None),
            "cannot tell whether minimum_calibration_slope is met",
            "Quality gates",
        ),
        (
            lambda told: told["gates"].update(
                gates=[g for g in told["gates"]["gates"] if "calibration" not in g["gate"]]
            ),
            "No gate limits the calibration slope or intercept",
            "Quality gates",
        ),
        (
            lambda told: told["data_quality"].update(rows_read=7046, rows_pending=1500),
            "1,500 of 7,046 rows are set aside: it is too early",
            "Data",
        ),
        (change_profit, "may be zero or a loss", "Decisions"),
        (change_everyone, "no more than contacting everyone", "Decisions"),
        (lambda told: told["fairness"].update(fairness()), "1 difference", "Fairness"),
        (lambda told: told["fairness"].update(columns={}), "not audited", "Fairness"),
        (lambda told: told["split_record"]["notes"].append("A short gap."), "gap", "Over time"),
        (
            lambda told: told["data_quality"].update(rejected_share=0.0312, rows_rejected=1234),
            "1,234 rows (3.1%)",
            "Data",
        ),
        (lambda told: told["data_quality"]["source"].update(name="simulated.csv"), "drawn", "Data"),
    ],
)
def test_what_is_found_is_said_with_its_section(
    told: dict[str, Any], change: Any, words: str, section: str
) -> None:
    change(told)
    (found,) = find(told)
    assert words in found.text
    assert found.section == section


def test_many_columns_are_counted(told: dict[str, Any]) -> None:
    entry = fairness()["differences"][-1] | {"beyond_noise": True}
    told["fairness"]["differences"] = [entry | {"column": name} for name in "abcdefgh"]
    (found,) = find(told)
    assert (
        found.text
        == "The probabilities are off for groups of a, b and 6 others: 8 differences beyond noise."
    )


def test_a_check_is_one_function_and_one_line(
    told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ("Calibration", lambda outputs: iter([f"{outputs['churners']} churners."]))
    monkeypatch.setattr(findings, "CHECKS", (*findings.CHECKS, own))
    assert find(told) == [Finding("393 churners.", "Calibration")]

from __future__ import annotations

from typing import Any

from churn_pipeline.reporting.scoring_summary import summarise_scoring

REPORT: dict[str, Any] = {
    "source": {"name": "march.csv", "sha256": "ab", "is_training_file": False},
    "model": {"version": "0123456789ab", "trained_on": "january.csv"},
    "snapshot": {"first": "2026-03-31", "last": "2026-03-31"},
    "date": None,
    "rows": {
        "read": 1300, "rejected": 0, "left": 0, "absent": 0, "earlier": 0, "scored": 1300,
    },
    "target": None,
    "outcome": None,
    "contacted": 400,
    "expected_profit": 4321.5,
}  # fmt: skip


def test_source_day_and_model_are_said() -> None:
    text = " ".join(summarise_scoring(REPORT, "data").split())
    assert text == (
        "Scored 1,300 rows of march.csv as of 2026-03-31 by model 0123456789ab, which was trained "
        "on january.csv, into data/07_model_output/scores.csv 400 are worth contacting, with a "
        "total expected profit of 4,322"
    )


def test_what_was_not_scored_and_what_flatters_are_said() -> None:
    rows = {"read": 900, "rejected": 3, "left": 200, "absent": 7, "earlier": 90, "scored": 600}
    source = {**REPORT["source"], "is_training_file": True}
    outcome = {"stayed": 350, "open": 248, "unreadable": 2}
    more = {"rows": rows, "source": source, "target": "gone", "outcome": outcome}
    text = summarise_scoring({**REPORT, **more}, "data")
    assert max(map(len, text.splitlines())) <= 100
    words = " ".join(text.split())
    assert "200 of customers who have left, according to gone" in words
    assert "7 of customers with no row in the latest period" in words
    assert "90 earlier ones" in words
    assert "data/07_model_output/not_scored.parquet" in words
    assert "3 rows that break the contract" in words
    assert "open for 250 of the rows scored, 350 are known to have stayed" in words
    assert "gone of 2 rows is not a value of the contract" in words
    assert "march.csv is the file that the model was trained on" in words

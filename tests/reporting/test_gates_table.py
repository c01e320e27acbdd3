from __future__ import annotations

from churn_pipeline.evaluation.gates import Gate
from churn_pipeline.reporting.gates_table import gates_table


def test_one_aligned_line_a_gate() -> None:
    text = gates_table(
        [
            Gate("minimum_roc_auc", 0.8, 0.841234, True, "interval 0.8200 to 0.8600"),
            Gate("maximum_scoring_milliseconds", 50, 61.5, False, "median", is_local=True),
            Gate("no_regression", True, None, None, "there is no champion yet", is_local=True),
        ]
    )
    assert text.splitlines() == [
        "Gates      1 of 2 passed, 1 not judged",
        "        gate                          limit    value",
        "  PASS  minimum_roc_auc                 0.8   0.8412  interval 0.8200 to 0.8600",
        "  FAIL  maximum_scoring_milliseconds     50  61.5000  median",
        "  –     no_regression                    on        –  there is no champion yet",
    ]


def test_nothing_is_on() -> None:
    assert gates_table([]) == "Gates      all are switched off"

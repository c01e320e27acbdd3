from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from churn_pipeline.discovery.evidence import weigh
from tests.discovery.tables import churn, infer, plan, questions

N = 1000
TRUTH = churn(N)
LEFT = np.array([value == "yes" for value in TRUTH])
RNG = np.random.default_rng(21)


def noisy(auc_like: float) -> list[str]:
    """Return a number that tells the target the better, the greater the argument."""
    return [f"{v:.4f}" for v in RNG.normal(size=N) + auc_like * LEFT]


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("gone", ["A" if left else "B" for left in LEFT], "in another form"),
        ("score", noisy(8), "in another form"),
        ("middle", [f"{v:.3f}" for v in np.where(LEFT, 0, np.sign(RNG.normal(size=N)) * 9)
                    + RNG.normal(size=N)], "in another form"),
        ("survey", [RNG.choice(["price", "quality"]) if left and i % 3 else None
                    for i, left in enumerate(LEFT)], "filled only for customers who left"),
        ("last_bill", [None if left and i % 3 else i % 37 for i, left in enumerate(LEFT)],
         "missing only for customers who left"),
        ("churn_reason", [f"r{i % 4}" for i in range(N)], "its name refers"),
        ("Cancellation Date", ["2024-01-05" if i % 2 else "2024-02-06" for i in range(N)],
         "its name refers"),
    ],
)  # fmt: skip
def test_what_is_known_only_afterwards_is_left_out(
    name: str, values: list[object], why: str
) -> None:
    inference = infer({name: values, "churn": TRUTH})
    assert inference.document["columns"][name]["role"] == "ignored"
    assert why in plan(inference, name).why
    assert questions(inference, f"Is {name} known before a customer leaves?")
    kept = infer({name: values, "churn": TRUTH}, keep=(name,))
    assert kept.document["columns"][name]["role"] == "feature"


def test_a_strong_column_is_kept_with_a_question() -> None:
    inference = infer({"usage": noisy(2.7), "churn": TRUTH})
    assert inference.document["columns"]["usage"]["role"] == "feature"
    assert questions(inference, "Is usage really known")


def test_a_word_of_leaving_makes_a_strong_column_suspect() -> None:
    inference = infer({"refunds": noisy(2), "usage": noisy(2), "churn": TRUTH})
    assert questions(inference, "Is refunds really known")
    assert not questions(inference, "usage")


def test_a_value_of_those_who_left_is_a_question() -> None:
    values = ["closing" if left and i % 2 else f"open {i % 3}" for i, left in enumerate(LEFT)]
    inference = infer({"state of account": values, "churn": TRUTH})
    assert inference.document["columns"]["state of account"]["role"] == "feature"
    assert questions(inference, "whose state of account is 'closing', 100.0% left")


def leaves(rate: float, n: int = 2000) -> tuple[list[str], np.ndarray]:
    truth = churn(n, rate)
    return truth, np.array([value == "yes" for value in truth])


@pytest.mark.parametrize("rate", [0.02, 0.25, 0.5, 0.75])
def test_a_number_at_which_nearly_all_left_is_a_question(rate: float) -> None:
    truth, left = leaves(rate)
    others = [f"{v:.2f}" for v in RNG.gamma(2, 30, len(left))]
    usage = [0 if gone and i % 2 == 0 else others[i] for i, gone in enumerate(left)]
    inference = infer({"usage": usage, "churn": truth})
    assert questions(inference, "customers whose usage is 0, 100.0% left")
    assert inference.notes.ranked()[0].cost >= 90


@pytest.mark.parametrize("rate", [0.02, 0.25, 0.5, 0.75])
def test_a_range_in_which_nearly_all_left_is_a_question(rate: float) -> None:
    truth, left = leaves(rate)
    inside, outside = RNG.uniform(40, 45, len(left)), RNG.uniform(0, 90, len(left))
    outside = np.where((outside > 39) & (outside < 46), 50, outside)
    days = [f"{a:.3f}" if gone and i % 3 else f"{b:.3f}"
            for i, (gone, a, b) in enumerate(zip(left, inside, outside, strict=True))]  # fmt: skip
    inference = infer({"idle": days, "churn": truth}, keep=())
    assert questions(inference, "idle")


@pytest.mark.parametrize("rate", [0.5, 0.75])
def test_missing_cells_tell_where_most_leave(rate: float) -> None:
    truth, left = leaves(rate)
    table: dict[str, list[Any]] = {
        "visit": [f"2024-01-{i % 28 + 1:02d}" if gone and i % 3 else None
                  for i, gone in enumerate(left)],
        "bill": [i % 37 if gone or i % 3 else None for i, gone in enumerate(left)],
        "churn": truth,
    }  # fmt: skip
    inference = infer(table)
    assert "filled only for customers who left" in plan(inference, "visit").why
    assert "missing only for customers who stayed" in plan(inference, "bill").why


@pytest.mark.parametrize("rate", [0.005, 0.25, 0.5, 0.75])
def test_noise_raises_no_question_at_any_rate(rate: float) -> None:
    truth, left = leaves(rate)
    table = {
        "usage": [f"{v:.2f}" for v in RNG.gamma(2, 30, len(left))],
        "visits": RNG.poisson(3, len(left)).tolist(),
        "shop": [f"s{i}" for i in RNG.integers(0, 60, len(left))],
        "churn": truth,
    }
    inference = infer(table)
    assert not [q for q in inference.notes.questions if "a lot" not in q.text]


def test_ordinary_columns_raise_no_question() -> None:
    table = {
        "usage": noisy(1.5),
        "plan": RNG.choice(["a", "b", "c"], N).tolist(),
        "visits": [None if i % 5 == 0 else i % 9 for i in range(N)],
        "churn": TRUTH,
    }
    assert not infer(table).notes.questions
    assert not infer(table).notes.warnings


def test_the_held_out_auc_is_that_of_the_column() -> None:
    churned = LEFT.astype(float)
    values = np.array(noisy(1.5), dtype=float)
    evidence = weigh(values, churned, is_number=True)
    assert evidence.roc_auc == pytest.approx(roc_auc_score(churned, values), abs=0.03)
    # a level a row: all that is learnt is noise, which held-out rows do not reward
    alone = weigh(np.arange(N, dtype=float), churned, is_number=False)
    assert alone.roc_auc == pytest.approx(0.5, abs=0.02)


def test_with_few_churners_nothing_is_measured() -> None:
    churned = np.zeros(N)
    churned[:10] = 1
    assert weigh(churned.copy(), churned, is_number=True).roc_auc is None


@pytest.mark.parametrize("name", ["TimeLeftOnContract", "early_termination_fee", "churned_friends"])
def test_a_name_of_two_meanings_needs_evidence(name: str) -> None:
    kept = infer({name: noisy(0.5), "churn": TRUTH})
    assert kept.document["columns"][name]["role"] == "feature"
    assert questions(kept, f"Is {name} known before")
    dropped = infer({name: noisy(2.7), "churn": TRUTH})
    assert dropped.document["columns"][name]["role"] == "ignored"
    assert "agrees" in plan(dropped, name).why

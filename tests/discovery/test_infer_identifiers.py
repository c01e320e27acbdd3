"""Ids that programs have changed, numbers of rows, copies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from churn_pipeline.checking.violations import find_violations
from churn_pipeline.discovery import infer_contract
from tests.discovery.tables import N, amounts, churn, contract, infer, plan, questions, raw

RNG = np.random.default_rng(41)


def test_ids_join_whether_floats_or_integers() -> None:
    floats = [f"{100000 + i}.0" if i != 5 else None for i in range(N)]
    inference = infer({"customer_id": floats})
    assert any("read as whole numbers" in text for text in inference.notes.warnings)
    found = []
    for spelled in (floats, [str(100000 + i) for i in range(N)]):
        cells = raw({"customer_id": spelled, "amount": amounts(), "churn": churn()}).cells
        found.append(find_violations(cells, contract(inference))[0]["customer_id"])
    same = found[0].notna()
    assert same.sum() == N - 1
    assert found[0][same].tolist() == found[1][same].tolist()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([f"{1.2e11 + i * 1e7:.5E}" for i in range(N)], "Which digits did customer_id have"),
        ([repr(float(10**17 + i * 64)) for i in range(N)], "Which digits did customer_id have"),
        ([f"{9_100_000_000_000_000 + 2 * i}.0" for i in range(N)], "Are the last digits"),
        ([f"{i:08d}" if i % 9 else str(i) for i in range(1, N + 1)], "lost their leading zeros"),
    ],
)
def test_lost_digits_are_asked_about(cells: list[str], words: str) -> None:
    inference = infer({"customer_id": cells})
    assert inference.keys.id == "customer_id"
    (question,) = (q for q in inference.notes.questions if words in q.text)
    assert repr(cells[0]) in question.text or "such as" in question.text


def test_postcodes_a_digit_short_are_asked_about() -> None:
    codes = [str(code) for code in RNG.choice([2134, 2139, 10001, 60601, 94105], N)]
    assert questions(infer({"zip": codes}), "Have some zip lost a leading zero")
    whole = [code.zfill(5) for code in codes]
    assert not questions(infer({"zip": whole}), "zip")


def test_no_id_beyond_exact_floats_becomes_a_feature() -> None:
    table = {"ref_id": [float(2**54 + 4 * i) for i in range(N)]}
    assert plan(infer(table), "ref_id").roles == ["ignored"]


@pytest.mark.parametrize(
    "cells",
    [
        list(range(N, 0, -1)), [*range(N - 2), 5, 6], [i + i // 7 for i in range(N)],
        [i * 10 for i in range(N)], RNG.permutation(N).tolist(),
        RNG.permutation(np.arange(N) * 3).tolist(), [None, *range(N - 1)],
        (RNG.permutation(N) * 2 + RNG.integers(0, 2, N)).tolist(),
        np.cumsum(RNG.integers(1, 500, N)).tolist(), [f"{i}.0" for i in range(N)],
    ],
)  # fmt: skip
def test_what_numbers_the_rows_is_no_feature_but_a_question(cells: list[Any]) -> None:
    inference = infer({"nr": cells})
    assert plan(inference, "nr").roles == ["ignored"]
    assert questions(inference, "Does nr measure something")
    assert "feature" in plan(infer({"nr": cells}, keep=("nr",)), "nr").roles


@pytest.mark.parametrize(
    "cells",
    [
        RNG.integers(0, 3 * N, N).tolist(), RNG.integers(20_000, 90_000, N).tolist(),
        RNG.poisson(20, N).tolist(), RNG.integers(1940, 2005, N).tolist(),
        sorted(RNG.integers(0, 90, N).tolist()),
    ],
)  # fmt: skip
def test_amounts_do_not_number_the_rows(cells: list[Any]) -> None:
    assert "feature" in plan(infer({"x": cells}), "x").roles


def test_calls_by_telephone_are_no_telephones() -> None:
    assert (
        "feature" in plan(infer({"phone_calls": [i % 90 for i in range(N)]}), "phone_calls").roles
    )


def rows(n: int, copies: int) -> dict[str, Any]:
    table = {
        "a": RNG.integers(0, 1000, n).tolist(), "b": RNG.gamma(2, 9, n).round(2).tolist(),
        "amount": amounts(n), "churn": churn(n), "c": RNG.choice(list("xyz"), n).tolist(),
    }  # fmt: skip
    return {name: [*values, *values[:copies]] for name, values in table.items()}


def test_copies_under_other_ids_are_asked_about() -> None:
    inference = infer(rows(800, 412))
    assert questions(inference, "412 of 1,212 rows equal another in everything but the customer_id")
    assert inference.notes.ranked()[0].cost == 90
    assert not questions(infer(rows(800, 1)), "rows equal another")


def test_rows_of_few_values_are_equal_by_chance() -> None:
    table = {"x": RNG.integers(0, 4, 900).tolist(), "y": RNG.choice(list("ab"), 900).tolist(),
             "amount": RNG.integers(0, 5, 900).tolist(), "churn": churn(900)}  # fmt: skip
    assert not questions(infer(table), "rows equal another")


def test_ids_that_the_source_holds_as_integers_are_declared_so() -> None:
    table = raw({"customer_id": range(N), "amount": amounts(), "churn": churn()})
    document = infer_contract(replace(table, integers=frozenset(["customer_id"])), "x").document
    assert document["columns"]["customer_id"]["stored_as"] == "integer"
    assert "stored_as" not in infer_contract(table, "x").document["columns"]["customer_id"]

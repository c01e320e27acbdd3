"""Cells that may mean something else: each is asked about, with samples and an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from churn_pipeline.checking.violations import find_violations
from churn_pipeline.discovery import Inference
from churn_pipeline.errors import DataError
from tests.discovery.tables import (
    N,
    amounts,
    churn,
    contract,
    ids,
    infer,
    keys,
    plan,
    questions,
    raw,
    rejected,
)

RNG = np.random.default_rng(31)
BALANCES = RNG.normal(0, 1000, N).round(2)


def table_of(columns: dict[str, Any]) -> Any:
    return raw({"customer_id": ids(), "amount": amounts(), "churn": churn(), **columns})


def digits(text: str, zero: int, point: str = ".") -> str:
    return "".join(chr(zero + int(c)) if c.isdigit() else point if c == "." else c for c in text)


@pytest.mark.parametrize(
    "spell",
    [
        lambda v: f"({-v:.2f})" if v < 0 else f"{v:.2f}",
        lambda v: f"{-v:.2f}-" if v < 0 else f"{v:.2f}",
        lambda v: f"\u2212{-v:.2f}" if v < 0 else f"{v:.2f}",
        lambda v: f"\u2013{-v:,.2f}" if v < 0 else f"+{v:,.2f}",
        lambda v: f"{-v:.2f} DR" if v < 0 else f"{v:.2f} CR",
        lambda v: f"{-v:.2f}CR" if v < 0 else f"{v:.2f}",
        lambda v: f"-${-v:,.2f}" if v < 0 else f"${v:,.2f}",
        lambda v: f"$({-v:,.2f})" if v < 0 else f"$ {v:,.2f}",
        lambda v: f"({-v:.2f} \u20ac)" if v < 0 else f"{v:.2f} \u20ac",
        lambda v: f"{v:,.2f}".replace(",", "\u2019"),
        lambda v: f"{v:,.2f}".translate(str.maketrans(",.", "\u202f,")),
        lambda v: digits(f"{v:.2f}", 0xFF10, "\uff0e"),
        lambda v: digits(f"{v:.2f}", 0x660, "\u066b"),
        lambda v: f"{v:.6e}",
    ],
)
def test_numbers_of_accountants_are_numbers(spell: Any) -> None:
    cells = {"balance": [spell(v) for v in BALANCES]}
    inference = infer(cells)
    found, violations = find_violations(table_of(cells).cells, contract(inference))
    assert violations.empty
    np.testing.assert_allclose(found["balance"], BALANCES, atol=0.01)


@pytest.mark.parametrize("share", [0.55, 0.7, 0.9, 0.98])
def test_a_column_that_is_read_in_part_is_asked_about(share: float) -> None:
    cells = [f"{v}" if i < share * N else f"see note {i}" for i, v in enumerate(BALANCES)]
    inference = infer({"balance": cells})
    (question,) = questions(inference, "balance")
    assert "see note" in question


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([f"${v}" if i % 2 else f"\u20ac{v}" for i, v in enumerate(BALANCES)], "several units"),
        ([f"{v:.1f}" if i % 2 else f"{v:.1f}".replace(".", ",") for i, v in enumerate(BALANCES)],
         "points and commas"),
        ([f"2024-01-{i % 28 + 1:02d}" if i % 5 else f"soon {i}" for i in range(N)],
         "look like dates"),
        ([f"1e{i % 250 + 20}" for i in range(N)], "too large to compute with"),
    ],
)  # fmt: skip
def test_what_is_lost_is_asked_about(cells: list[str], words: str) -> None:
    assert any(words in question for question in questions(infer({"x": cells}), "x "))


@pytest.mark.parametrize(
    "cell", ["1.7976931348623157e308", "1e39", "-1e300", "1e400", "inf", "-inf", "1e-320"]
)
def test_a_number_beyond_computing_is_asked_about(cell: str) -> None:
    cells = {"x": [cell if i == 7 else f"{v}" for i, v in enumerate(BALANCES)]}
    inference = infer(cells)
    (question,) = questions(inference, "x has")
    assert repr(cell) in question
    assert rejected(table_of(cells), inference).empty


@pytest.mark.parametrize("cell", ["1e39", "-1.7976931348623157e308", "1e400"])
def test_what_comes_later_is_rejected_with_its_column(cell: str) -> None:
    inference = infer({"x": [f"{v}" for v in BALANCES]})
    later = table_of({"x": [cell, *(f"{v}" for v in BALANCES[1:])]})
    (violation,) = rejected(later, inference).to_dict("records")
    assert (violation["column"], violation["rule"], violation["value"]) == ("x", "range", cell)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([-10000 if i % 10 == 3 else i % 60 for i in range(N)], -10000),
        ([589314 if i % 10 == 7 else i % 5 + 1 for i in range(N)], 589314),
        ([999 if i % 50 == 0 else 20 + i % 60 for i in range(N)], 999),
        ([0 if i % 40 == 0 else 1940 + i % 60 for i in range(N)], 0),
        ([-1 if i % 40 == 0 else i % 60 for i in range(N)], -1),
        ([99 if i % 30 == 0 else i % 8 for i in range(N)], 99),
        ([9 if i % 30 == 0 else i % 2 for i in range(N)], 9),
        ([f"{10**20:.0e}" if i == 9 else f"{v}" for i, v in enumerate(BALANCES)], 1e20),
    ],
)
def test_a_number_far_from_all_others_is_asked_about(cells: list[Any], code: float) -> None:
    inference = infer({"x": cells})
    (question,) = (q for q in inference.notes.questions if "in x mean that" in q.text)
    flags = question.answer.split("--missing ")[1:]
    answered = infer({"x": cells}, missing=tuple(flag.strip() for flag in flags))
    found = answered.document["columns"]["x"]
    assert found["nullable"]
    assert not questions(answered, "in x mean that")
    if code not in (0, -1, 9):
        assert not found["minimum"] <= code <= found["maximum"]
    assert rejected(table_of({"x": cells}), answered).empty


@pytest.mark.parametrize(
    "cells",
    [
        RNG.lognormal(4, 1.5, N).round(2).tolist(), RNG.poisson(2, N).tolist(),
        RNG.pareto(1.1, N).round(1).tolist(), [min(v, 5000) for v in RNG.pareto(1, N) * 100],
        [0 if i % 3 else v for i, v in enumerate(RNG.gamma(2, 50, N).round(2))],
        [i % 12 + 1 for i in range(N)], [i % 3 - 1 for i in range(N)], [i % 4 for i in range(N)],
        [(0, 10, 25)[i % 3] for i in range(N)], [(1, 3, 12)[i % 3] for i in range(N)],
    ],
)  # fmt: skip
def test_ordinary_numbers_hold_no_codes(cells: list[Any]) -> None:
    assert not questions(infer({"x": cells}), "mean that")


def test_dates_that_stand_for_none_are_told() -> None:
    days = [f"20{10 + i % 14}-0{i % 9 + 1}-1{i % 10}" for i in range(N)]
    births = [f"19{30 + i % 70}-0{i % 9 + 1}-1{i % 10}" for i in range(N)]
    inference = infer(
        {
            "signup": ["9999-12-31" if i % 9 == 0 else day for i, day in enumerate(days)],
            "birth_date": ["1930-01-01" if i % 9 == 0 else day for i, day in enumerate(births)],
        }
    )
    assert any("'9999-12-31', read as missing" in text for text in inference.notes.warnings)
    assert questions(inference, "1930-01-01 in birth_date")


@pytest.mark.parametrize(
    ("values", "pair"),
    [
        (("Male", "Female", "m"), ("m", "Male")), (("NY", "N.Y.", "LA"), ("N.Y.", "NY")),
        (("M\u00e1laga", "Malaga", "Bonn"), ("Malaga", "M\u00e1laga")),
        (("co-op", "coop", "bank"), ("coop", "co-op")), (("Ltd", "Ltd.", "Inc"), ("Ltd.", "Ltd")),
        (("New York", "NY", "Bonn"), ("NY", "New York")),
        (("self employed", "Self-Employed", "none"), ("Self-Employed", "self employed")),
    ],
)  # fmt: skip
def test_values_that_may_be_one_are_asked_about(
    values: tuple[str, ...], pair: tuple[str, str]
) -> None:
    cells = [values[0] if i % 10 < 5 else values[1 + i % 2] for i in range(N)]
    found = [q for q in infer({"gender": cells}).notes.questions if "the same" in q.text]
    assert len(found) == 1
    answer = found[0].answer.partition("  ")[0].removeprefix("--same ").strip('"')
    assert set(answer.split("=")[1:]) == set(pair)
    again = keys({"gender": cells}, "gender", same=(answer,))
    assert len(again["values"]) == 2
    assert not questions(infer({"gender": cells}, same=(answer,)), "the same")


@pytest.mark.parametrize(
    "values",
    [
        ("A", "A+", "A-"), ("S", "M", "L", "XL"), ("No", "Yes", "No internet service"),
        ("basic", "basic plus"), ("North", "South"), ("0-12", "13-24", "25+"),
        ("single", "married", "divorced"), ("mailed check", "electronic check"),
    ],
)  # fmt: skip
def test_values_that_differ_are_not_asked_about(values: tuple[str, ...]) -> None:
    assert not infer({"x": [values[i % len(values)] for i in range(N)]}).notes.questions


def test_a_number_among_words_is_asked_about() -> None:
    cells = ["0" if i % 25 == 0 else ("Phone", "Computer")[i % 2] for i in range(N)]
    (question,) = (q for q in infer({"device": cells}).notes.questions if "'0'" in q.text)
    assert question.answer == "--missing device=0"
    answered = infer({"device": cells}, missing=("device=0",))
    assert answered.document["columns"]["device"]["values"] == ["Computer", "Phone"]
    assert rejected(table_of({"device": cells}), answered).empty


def test_several_zones_are_asked_about_and_local_days_kept() -> None:
    mixed = [f"2024-12-{i % 28 + 1:02d}T22:30:00{('-05:00', '+01:00')[i % 2]}" for i in range(N)]
    assert questions(infer({"login": mixed}), "login has times in several time zones")
    one = [text[:19] + "-05:00" for text in mixed]
    table = {"snapshot_date": ["2024-12-28T00:00:00+09:00"] * N, "login": one}
    inference = infer(table)
    assert not questions(inference, "zones")
    assert inference.document["columns"]["login"]["role"] == "feature"
    read, _ = find_violations(table_of(table).cells, contract(inference))
    assert str(read["snapshot_date"].max().date()) == "2024-12-28"


@pytest.mark.parametrize("name", ["latitude", "Longitude", "geo_lat", "lng"])
def test_places_on_the_map_are_left_out_with_a_question(name: str) -> None:
    cells = RNG.uniform(40, 50, N).round(4).tolist()
    inference = infer({name: cells})
    assert plan(inference, name).roles == ["ignored"]
    assert questions(inference, f"May the model use {name}")
    assert keys({name: cells}, name, keep=(name,))["type"] == "number"


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("phone", RNG.integers(10**9, 10**10, N)),
        ("account number", RNG.integers(10**9, 10**10, N)),
        ("plz", RNG.integers(10**4, 10**5, N)), ("fips code", RNG.integers(10**4, 10**5, N)),
        ("phone", np.repeat(RNG.integers(10**9, 10**10, N // 4), 4)),
    ],
)  # fmt: skip
def test_numbers_that_are_no_amounts_are_no_features(name: str, cells: Any) -> None:
    assert "feature" not in plan(infer({name: cells.tolist()}), name).roles


@pytest.mark.parametrize(
    ("name", "cells", "is_usable"),
    [
        ("CLV", RNG.gamma(2, 300, N).round(2).tolist(), True),
        ("Monthly Charges", RNG.gamma(2, 30, N).round(2).tolist(), True),
        ("clv", [None, *RNG.gamma(2, 300, N - 1).round(2).tolist()], False),
        ("clv", RNG.normal(100, 300, N).round(2).tolist(), False),
        ("visits", RNG.poisson(9, N).tolist(), False),
    ],
)
def test_a_column_of_money_may_be_the_lifetime_value(
    name: str, cells: list[Any], is_usable: bool
) -> None:
    hints = " ".join(infer({name: cells}).notes.hints)
    shown = name if name.isalpha() else f'"{name}"'
    assert (f"`customer_lifetime_value: {shown}`" in hints) is is_usable


def test_answers_that_fit_no_cell_are_refused() -> None:
    cells = {"x": ["a", "b"] * (N // 2)}
    for said, words in (
        ({"missing": ("x=c",)}, "no cell of x in table.csv is 'c'"),
        ({"missing": ("y=c",)}, "not of the form COL=TEXT"),
        ({"same": ("x=a",)}, "not of the form COL=TEXT=VALUE"),
        ({"same": ("x=a=c",)}, "no cell of x in table.csv is 'c'"),
    ):
        with pytest.raises(DataError, match=words):
            infer(cells, **said)


def question_texts(inference: Inference) -> list[str]:
    return [question.text for question in inference.notes.ranked()]


def test_the_report_asks_the_costly_first_and_folds_the_rest() -> None:
    cells = [("ab-c", "abc", "d")[i % 3] for i in range(N)]
    truth = churn()
    table: dict[str, Any] = {f"c{i}": cells for i in range(9)}
    table["gone"] = ["A" if left == "yes" else "B" for left in truth]
    inference = infer({**table, "churn": truth})
    assert "gone" in question_texts(inference)[0]
    before, _, folded = inference.report.partition("<details><summary>3 more")
    assert "\n1. Is gone known" in before
    assert "\n7. " in before
    assert "\n8. " in folded
    assert "There are none" not in inference.report


@pytest.mark.parametrize(
    "name", ['my  "odd"   col', "it's", "a\nb", "-x $y", "a|b`c", "a=b", "a;  b", "caf\u00e9 \\ 5%"]
)
def test_flags_of_the_report_can_be_pasted(name: str) -> None:
    import re
    import shlex

    cells = {name: list(range(N))}
    inference = infer(cells)
    span = re.search(r"→ (`+) ?(--keep .*?) ?\1(?!`)", inference.report)
    assert span is not None
    flag, pasted = shlex.split(span.group(2))
    assert flag == "--keep"
    assert keys(cells, name, keep=(pasted,))["role"] == "feature"

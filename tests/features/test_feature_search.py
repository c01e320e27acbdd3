from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.contract.derivation import derive
from churn_pipeline.contract.expressions import Expression
from churn_pipeline.contract.model import DerivedColumn
from churn_pipeline.errors import DataError
from churn_pipeline.features.added_columns import score_p_values
from churn_pipeline.features.feature_search import search_columns
from churn_pipeline.features.proposals import Proposal, propose_columns
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.cross_validation import cross_validate, score_folds
from churn_pipeline.modeling.target import churned
from churn_pipeline.splits.splitting import hash_to_unit_interval
from churn_pipeline.statistics.comparison import holm

pytestmark = pytest.mark.slow

CONTRACT = parse_contract(
    {
        "name": "shop",
        "columns": {
            "key": {"type": "text", "role": "id", "meaning": "m"},
            "days": {"type": "integer", "unit": "days", "minimum": 0, "meaning": "m"},
            "paid": {"type": "number", "unit": "EUR", "nullable": True, "meaning": "m"},
            "owed": {"type": "number", "unit": "EUR", "meaning": "m"},
            "mail": {"type": "category", "values": ["n", "y"], "meaning": "m"},
            "phone": {"type": "category", "values": ["n", "y"], "meaning": "m"},
            "left": {
                "type": "category",
                "role": "target",
                "values": ["n", "y"],
                "positive": "y",
                "meaning": "m",
            },
        },
    }
)
SETTINGS: dict[str, Any] = {"folds": 3, "repeats": 2, "rounds": 3, "confidence": 0.95, "seed": 1}


def draw(effect: float, n: int, seed: int) -> pd.DataFrame:
    """Draw customers whose log-odds fall by ``effect`` times the logarithm of their days."""
    rng = np.random.default_rng(seed)
    days = np.floor(rng.gamma(0.8, 40.0, n))
    log_odds = effect * (3.0 - np.log1p(days))
    left = rng.random(n) < expit(log_odds)
    return pd.DataFrame(
        {
            "key": [f"c{number}" for number in range(n)],
            "days": days,
            "paid": np.where(rng.random(n) < 0.05, np.nan, rng.normal(size=n)),
            "owed": rng.normal(size=n),
            "mail": rng.choice(["n", "y"], n),
            "phone": rng.choice(["n", "y"], n),
            "left": np.where(left, "y", "n"),
        }
    )


def proposal(text: str, name: str = "x") -> Proposal:
    return Proposal("log", DerivedColumn(name, Expression(text), "m"))


def names(proposals: tuple[Proposal, ...]) -> list[str]:
    return [p.column.name for p in proposals]


@pytest.fixture(scope="module")
def planted() -> pd.DataFrame:
    return draw(effect=1.5, n=1500, seed=5)


@pytest.fixture(scope="module")
def search(planted: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Proposal, ...]]:
    proposals = propose_columns(CONTRACT, planted)
    assert len(proposals) > 10
    return search_columns(planted, CONTRACT, proposals, **SETTINGS)


def test_a_planted_log_effect_is_found_and_nothing_else(
    search: tuple[pd.DataFrame, tuple[Proposal, ...]],
) -> None:
    table, kept = search
    assert [p.column.expression.text for p in kept] == ["log1p(days)"]
    assert table["round"].max() == 2  # the second finds nothing and ends the search
    assert table.loc[table["kept"], ["round", "proposal"]].values.tolist() == [[1, "log_days"]]


@pytest.mark.full  # five searches, of which it counts those that find something
def test_pure_noise_keeps_nothing() -> None:
    kept = 0
    for seed in range(5):
        customers = draw(effect=0.0, n=200, seed=seed)
        proposals = propose_columns(CONTRACT, customers)
        kept += bool(search_columns(customers, CONTRACT, proposals, **SETTINGS | {"repeats": 1})[1])
    assert kept <= 1  # 0.05 a search at most


def test_figures_are_those_of_the_ordinary_cross_validation(planted: pd.DataFrame) -> None:
    order = np.argsort(hash_to_unit_interval(planted["key"], SETTINGS["seed"]), kind="stable")
    customers = planted.iloc[order].reset_index(drop=True)
    found = proposal("where(days <= 5, 1, 0 * paid)")  # missing for some
    wider = replace(CONTRACT, derived_columns=(found.column,))
    values = {name: customers[name].to_numpy() for name in CONTRACT.columns}
    inputs, target = customers.assign(**derive(values, wider)), churned(customers, CONTRACT)
    candidates = {
        name: build_candidate("logistic_regression", {"max_iter": 2000}, contract, 0).set_params(
            logisticregression__tol=1e-7
        )
        for name, contract in (("baseline", CONTRACT), ("logistic_regression", wider))
    }
    folds: dict[str, Any] = {"folds": 3, "repeats": 1, "seed": SETTINGS["seed"]}
    losses = score_folds(cross_validate(candidates, inputs, target, **folds).out_of_fold, target)
    expected = losses.groupby("candidate")["log_loss"].mean()
    table, _ = search_columns(customers, CONTRACT, [found], **{**SETTINGS, **folds, "rounds": 1})
    line = table.iloc[0]
    assert line["folds"] == 3
    assert line["log_loss"] == pytest.approx(expected["logistic_regression"], abs=1e-6)
    assert line["log_loss_without"] == pytest.approx(expected["baseline"], abs=1e-6)
    assert line["difference"] == pytest.approx(line["log_loss"] - line["log_loss_without"])


def test_the_table_lists_every_proposal_of_every_round(
    planted: pd.DataFrame, search: tuple[pd.DataFrame, tuple[Proposal, ...]]
) -> None:
    table, kept = search
    proposed = names(propose_columns(CONTRACT, planted))
    first, second = (part for _, part in table.groupby("round"))
    assert sorted(first["proposal"]) == sorted(proposed)
    assert sorted([*second["proposal"], *names(kept)]) == sorted(proposed)
    tested = first[~first["linear"]]
    assert tested["difference"].is_monotonic_increasing
    np.testing.assert_allclose(tested["p_value_holm"], holm(tested["p_value"]))
    assert ((tested["low"] < tested["difference"]) & (tested["difference"] < tested["high"])).all()
    # the second round starts from what the first kept
    reached = first.loc[first["kept"], "log_loss"].item()
    all_folds = second["folds"] == SETTINGS["folds"] * SETTINGS["repeats"]
    assert all_folds.any()
    assert second.loc[all_folds, "log_loss_without"].to_numpy() == pytest.approx(reached)


@pytest.mark.parametrize(
    ("text", "is_linear"),
    [
        ("owed + 2 * days", True),
        ("count(mail == 'y', phone == 'y')", True),
        ("where(phone == 'y', 3, -1) + owed", True),
        ("is_missing(paid) + days", True),  # the flag of a missing number is an input, too
        ("mail == 'y' and phone == 'y'", False),
        ("owed + 0 / (mail == 'y')", False),  # missing for half of the customers
        ("log1p(days)", False),
    ],
)
def test_what_a_linear_model_has_already_is_not_tested(
    planted: pd.DataFrame, text: str, is_linear: bool
) -> None:
    table, _ = search_columns(planted, CONTRACT, [proposal(text)], **{**SETTINGS, "rounds": 1})
    assert table["linear"].tolist() == [is_linear]
    assert table["p_value"].isna().tolist() == [is_linear]
    assert not (table["kept"] & table["linear"]).any()


def test_what_does_not_help_in_the_first_repeat_is_left_out_of_the_others(
    search: tuple[pd.DataFrame, tuple[Proposal, ...]],
) -> None:
    tested = search[0][~search[0]["linear"]]
    stopped = tested["folds"] == SETTINGS["folds"]
    assert 0 < stopped.sum() < len(tested)
    assert set(tested["folds"]) == {SETTINGS["folds"], SETTINGS["folds"] * SETTINGS["repeats"]}
    assert (tested.loc[stopped, "difference"] >= 0).all()


@pytest.mark.full  # six searches, of which it counts those that find it
def test_an_effect_is_found_that_folds_alone_would_miss() -> None:
    found = 0
    for seed in range(6):
        customers = draw(effect=0.3, n=1200, seed=seed)
        _, kept = search_columns(
            customers, CONTRACT, propose_columns(CONTRACT, customers), **SETTINGS | {"rounds": 1}
        )
        found += any("days" in name for name in names(kept))
    assert found >= 4


def test_copies_of_rows_are_no_evidence(planted: pd.DataFrame) -> None:
    few = planted.head(300)
    column = [proposal("log1p(owed * owed)").column]
    wider = replace(CONTRACT, derived_columns=tuple(column))
    values = {name: few[name].to_numpy() for name in CONTRACT.columns}
    inputs, target = few.assign(**derive(values, wider)), churned(few, CONTRACT)
    (once,) = score_p_values(inputs, target, CONTRACT, column)
    thrice = pd.concat([inputs] * 3, ignore_index=True)
    numbers = np.tile(np.arange(300), 3)
    (copies,) = score_p_values(thrice, np.tile(target, 3), CONTRACT, column, numbers)
    (blind,) = score_p_values(thrice, np.tile(target, 3), CONTRACT, column)
    assert copies == pytest.approx(once, abs=0.02)
    assert blind != pytest.approx(once, abs=0.02)


def test_customers_whose_fit_is_certain_are_no_trouble() -> None:
    generator = np.random.default_rng(3)
    customers = draw(effect=0.0, n=4000, seed=1)
    customers["owed"] = generator.lognormal(0, 1.5, 4000)
    left = generator.random(4000) < expit(0.6 * customers["owed"] - 1)
    customers["left"] = np.where(left, "y", "n")
    column = proposal("log1p(days)").column
    wider = replace(CONTRACT, derived_columns=(column,))
    values = {name: customers[name].to_numpy() for name in CONTRACT.columns}
    inputs = customers.assign(**derive(values, wider))
    (p_value,) = score_p_values(inputs, churned(customers, CONTRACT), CONTRACT, [column])
    assert 0 <= p_value <= 1


@pytest.mark.parametrize("clone", ["log1p(days) + 0 * owed", "log1p(days + 0 * paid)"])
def test_of_equals_the_simplest_is_kept(planted: pd.DataFrame, clone: str) -> None:
    # it reads two columns, or is missing here and there
    both = [proposal(clone, "clone"), proposal("log1p(days)", "plain")]
    _, kept = search_columns(planted, CONTRACT, both, **{**SETTINGS, "rounds": 1})
    assert names(kept) == ["plain"]
    _, kept = search_columns(planted, CONTRACT, both[:1], **{**SETTINGS, "rounds": 1})
    assert names(kept) == ["clone"]


def test_a_significantly_better_proposal_beats_a_simpler_one(planted: pd.DataFrame) -> None:
    both = [proposal("minimum(days, 40)", "plain"), proposal("log1p(days) + 0 * owed", "better")]
    table, kept = search_columns(planted, CONTRACT, both, **{**SETTINGS, "rounds": 1})
    assert (table["p_value_holm"] < 0.05).all()
    assert names(kept) == ["better"]


def test_the_order_of_customers_does_not_matter(planted: pd.DataFrame) -> None:
    proposals = [proposal("log1p(days)", "a"), proposal("owed <= 0", "b")]
    few = planted.head(500)
    shuffled = few.sample(frac=1, random_state=2)
    table, _ = search_columns(few, CONTRACT, proposals, **SETTINGS)
    again, _ = search_columns(shuffled, CONTRACT, proposals, **SETTINGS)
    pd.testing.assert_frame_equal(table, again, check_exact=True)


def test_it_ends_when_nothing_is_left_to_add(planted: pd.DataFrame) -> None:
    table, kept = search_columns(planted, CONTRACT, [proposal("log1p(days)")], **SETTINGS)
    assert (len(table), len(kept)) == (1, 1)
    table, kept = search_columns(planted, CONTRACT, [], **SETTINGS)
    assert (len(table), len(kept)) == (0, 0)


def test_columns_of_the_contract_are_in_the_model_from_the_start(planted: pd.DataFrame) -> None:
    derived = DerivedColumn("steep", Expression("log1p(days)"), "m")
    contract: Contract = replace(CONTRACT, derived_columns=(derived,))
    again = proposal("log(1 + days)")
    table, kept = search_columns(planted, contract, [again], **SETTINGS)
    assert table["linear"].all()
    assert not kept


def test_fewer_churners_than_folds_is_an_error(planted: pd.DataFrame) -> None:
    few = planted.groupby("left").head(2)
    with pytest.raises(DataError, match=r"only 2 customers .* feature_search\.folds \(3\)"):
        search_columns(few, CONTRACT, [proposal("log1p(days)")], **SETTINGS)

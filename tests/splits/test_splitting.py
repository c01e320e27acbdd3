from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.target import churned
from churn_pipeline.splits.splitting import hash_to_unit_interval, is_test_customer

IDS = [f"customer {i}" for i in range(20_000)]
ids = st.lists(st.text(max_size=6), min_size=1, max_size=20, unique=True)
shares = st.floats(0, 1)
seeds = st.integers(0, 2**64)


def test_known_values_never_change() -> None:
    units = hash_to_unit_interval(["7590-VHVEG", "", "é"], seed=42)
    assert units == pytest.approx(
        [0.27636751602082604, 0.6494229486696312, 0.667575132603362], abs=1e-15
    )


@given(ids, seeds, shares, st.randoms(use_true_random=False))
def test_side_depends_on_id_and_seed_only(
    names: list[str], seed: int, share: float, random: np.random.RandomState
) -> None:
    sides = dict(zip(names, is_test_customer(names, share, seed), strict=True))
    others = [*names, "one more", "another"][::-1]
    random.shuffle(others)
    for subset in (others, others[: len(others) // 2]):
        for name, side in zip(subset, is_test_customer(subset, share, seed), strict=True):
            assert name not in sides or sides[name] == side


@given(ids, seeds, shares, shares)
def test_a_larger_share_only_adds(names: list[str], seed: int, one: float, two: float) -> None:
    small, large = (is_test_customer(names, share, seed) for share in sorted((one, two)))
    assert (~small | large).all()


@given(ids, seeds)
def test_numbers_are_in_the_unit_interval(names: list[str], seed: int) -> None:
    units = hash_to_unit_interval(names, seed)
    assert ((units >= 0) & (units < 1)).all()
    assert is_test_customer(names, 1.0, seed).all()
    assert not is_test_customer(names, 0.0, seed).any()


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 42])
def test_share_is_met_within_noise(share: float, seed: int) -> None:
    noise = math.sqrt(share * (1 - share) / len(IDS))
    assert is_test_customer(IDS, share, seed).mean() == pytest.approx(share, abs=4 * noise)


def test_numbers_are_evenly_spread() -> None:
    counts, _ = np.histogram(hash_to_unit_interval(IDS, 1), bins=20, range=(0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 44  # chi-squared, 19 degrees, p = 0.001


def test_seeds_split_independently() -> None:
    one, two = (hash_to_unit_interval(IDS, seed) for seed in (1, 2))
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / math.sqrt(len(IDS))


def test_churn_rates_of_both_sides_agree_within_noise(
    customers: pd.DataFrame, contract: Contract
) -> None:
    y = churned(customers, contract)
    mask = is_test_customer(customers[contract.id.name], 0.3, 42)
    noise = math.sqrt(y.var() * (1 / mask.sum() + 1 / (~mask).sum()))
    assert abs(y[mask].mean() - y[~mask].mean()) < 4 * noise

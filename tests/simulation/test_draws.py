from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.simulation.draws import (
    draw_customer_ids,
    draw_levels,
    draw_tenure,
    split_probability,
    systematic_sample,
)
from churn_pipeline.simulation.facts import Split, TenureBand


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(3))


def test_identifiers_are_unique_among_two_million(rng: np.random.Generator) -> None:
    assert np.unique(draw_customer_ids(2_000_000, rng)).size == 2_000_000


def test_systematic_sample_gives_each_customer_their_chance(rng: np.random.Generator) -> None:
    chances = np.array([0.0, 0.1, 0.25, 0.5, 0.85, 1.0])
    samples = np.array([systematic_sample(chances, rng) for _ in range(4000)])
    assert samples.mean(axis=0) == pytest.approx(chances, abs=0.03)
    assert set(samples.sum(axis=1)) == {2, 3}


def test_systematic_sample_of_nobody_is_empty(rng: np.random.Generator) -> None:
    assert systematic_sample(np.array([]), rng).size == 0


def test_levels_come_in_their_shares(rng: np.random.Generator) -> None:
    counts = np.bincount(draw_levels([1, 3, 6], 1000, rng), minlength=3)
    assert np.abs(counts - [100, 300, 600]).max() <= 1


def test_tenure_stays_within_its_bands(rng: np.random.Generator) -> None:
    bands = [TenureBand(1, 1, 0.25), TenureBand(10, 12, 0.75)]
    months, counts = np.unique(draw_tenure(bands, 4000, rng), return_counts=True)
    assert months.tolist() == [1, 10, 11, 12]
    assert counts[0] == 1000


def test_split_probability_is_the_logistic_of_its_terms() -> None:
    split = Split("Churn", "No", "Yes", "", -1.0, {"tenure>2": 0.25, "Partner=Yes": 9000.0})
    codes = {
        "tenure": np.array([0, 2, 6, 6], dtype=np.int8),
        "Partner": np.array([0, 0, 0, 1], dtype=np.int8),
    }
    probability = split_probability(split, codes)
    low = 1 / (1 + np.exp(1))
    assert probability == pytest.approx([low, low, 0.5, 1.0], abs=1e-5)

from __future__ import annotations

import re

import numpy as np
import pytest

from churn_pipeline.simulation.draws import (
    LOGIT_UNIT,
    draw_bands,
    draw_levels,
    draw_texts,
    intercept_for,
    logistic,
    power_shares,
    systematic_sample,
)
from tests.sizes import size


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(3))


def test_identifiers_are_unique_among_many(rng: np.random.Generator) -> None:
    count = size(300_000, 2_000_000)
    assert np.unique(draw_texts("####-@@@@@", {}, count, rng)).size == count


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


def test_numbers_stay_within_their_bands(rng: np.random.Generator) -> None:
    numbers = draw_bands([(1, 1, 0.25), (10, 12, 0.75)], 4000, rng)
    values, counts = np.unique(numbers, return_counts=True)
    assert values.tolist() == [1, 10, 11, 12]
    assert counts[0] == 1000


def test_texts_follow_their_pattern(rng: np.random.Generator) -> None:
    texts = draw_texts("{who}-#@.", {"who": ["Ann", "O'Neil"]}, 520, rng)
    assert len(set(texts.tolist())) == 520
    assert all(re.fullmatch(r"(Ann|O'Neil)-[0-9][A-Z]\.", text) for text in texts.tolist())


@pytest.mark.parametrize(
    ("pattern", "message"), [("#", "has 10 texts, fewer than 11"), ("{who}", "is not a known part")]
)
def test_patterns_without_enough_texts_are_an_error(
    pattern: str, message: str, rng: np.random.Generator
) -> None:
    with pytest.raises(ValueError, match=message):
        draw_texts(pattern, {}, 11, rng)


def test_logistic_is_rounded_and_limited() -> None:
    chances = logistic(np.array([-(10**6), -LOGIT_UNIT, 0, 10**6]))
    assert chances == pytest.approx([0, 1 / (1 + np.e), 0.5, 1], abs=1e-5)
    assert (chances == chances.round(9)).all()


@pytest.mark.parametrize("rate", [0.005, 0.3, 0.97])
def test_intercept_gives_the_rate(rate: float, rng: np.random.Generator) -> None:
    log_odds = rng.integers(-30_000, 30_000, 5000)
    mean = logistic(log_odds + intercept_for(rate, log_odds)).mean()
    assert mean == pytest.approx(rate, rel=1e-3)


def test_power_shares_fall_by_rank() -> None:
    assert power_shares(4, 1).tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    assert power_shares(3, 0).tolist() == [1, 1, 1]

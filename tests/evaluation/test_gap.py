from __future__ import annotations

import numpy as np
import pytest

from churn_pipeline.evaluation.gap import gap_sentences, validation_gap


def test_equal_means_are_no_finding_about_as_often_as_promised() -> None:
    random = np.random.default_rng(0)
    found = sum(
        validation_gap(random.exponential(size=400), random.exponential(size=150))["beyond_noise"]
        for _ in range(1000)
    )
    assert found <= 12  # some 3 of 1,000 for a normal mean; losses are skewed


def test_a_gap_is_found_and_told() -> None:
    random = np.random.default_rng(1)
    gap = validation_gap(random.normal(0.01, 0.1, 400), random.normal(0.13, 0.3, 150))
    assert gap["beyond_noise"]
    (sentence,) = gap_sentences(gap, is_by_time=False)
    assert sentence.startswith("The model does worse on the test set than in cross-validation")
    assert f"{gap['standard_errors']:.1f} standard errors apart" in sentence
    assert "several rows under different ids" in sentence
    assert "changed since" in gap_sentences(gap, is_by_time=True)[0]
    assert "easier" in gap_sentences({**gap, "difference": -0.1}, is_by_time=False)[0]
    assert gap_sentences({**gap, "beyond_noise": False}, is_by_time=False) == []


def test_copies_of_rows_do_not_sharpen_the_gap() -> None:
    random = np.random.default_rng(2)
    validated, tested = random.normal(0, 1, 300), random.normal(0.2, 1, 60)
    numbers = np.repeat(np.arange(60), 5)
    once = validation_gap(validated, tested)["standard_errors"]
    repeated = validation_gap(validated, np.repeat(tested, 5), None, numbers)["standard_errors"]
    assert repeated == pytest.approx(once, rel=0.02)
    assert validation_gap(validated, np.repeat(tested, 5))["standard_errors"] > 1.5 * once


def test_the_same_constant_loss_is_no_gap() -> None:
    assert not validation_gap(np.full(5, 0.3), np.full(4, 0.3))["beyond_noise"]

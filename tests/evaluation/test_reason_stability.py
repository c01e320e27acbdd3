import numpy as np
import pytest

from churn_pipeline.evaluation.reason_stability import reason_stability

OWN = np.array([[3.0, 2.0, 1.0, 0.5], [-1.0, 4.0, -2.0, 0.1], [-1.0, -1.0, -1.0, -1.0]])
EACH = np.arange(4)


def test_a_refit_with_the_same_order_agrees_wholly() -> None:
    found = reason_stability(OWN, [OWN * 2, OWN * 0.1], EACH, 2)
    assert found["single"] == {"same_first": 1.0, "same_reasons": 1.0} == found["grouped"]


def test_customers_without_a_reason_do_not_count() -> None:
    refit = OWN.copy()
    refit[2] = [5.0, 1.0, 1.0, 1.0]
    assert reason_stability(OWN, [refit], EACH, 2)["single"]["same_first"] == 1.0


def test_reasons_are_those_that_raise_the_probability() -> None:
    refit = np.array([[2.0, 3.0, -1.0, 0.5], [-1.0, -4.0, -2.0, 0.1], [0.0, 0.0, 0.0, 0.0]])
    found = reason_stability(OWN, [refit], EACH, 2)["single"]
    # first of customer 1 differs, of customer 2 as well; reasons in common: 2 of 2, 1 of 2
    assert found == {"same_first": 0.0, "same_reasons": 0.75}


def test_inputs_that_take_each_others_place_agree_as_a_group() -> None:
    twins = np.array([[2.0, 0.1, 1.0], [1.9, 0.2, 1.0]])
    swapped = twins[:, [1, 0, 2]]
    found = reason_stability(twins, [swapped], np.array([1, 1, 2]), 1)
    assert found["single"]["same_first"] == 0.0
    assert found["grouped"]["same_first"] == 1.0


def test_figures_are_means_over_the_refits() -> None:
    turned = -OWN
    found = reason_stability(OWN, [OWN, turned], EACH, 4)["single"]
    assert found["same_first"] == pytest.approx(0.5)


def test_nobody_with_a_reason_gives_no_figure() -> None:
    nobody = -np.ones((3, 2))
    found = reason_stability(nobody, [nobody], np.arange(2), 3)
    assert found["single"] == {"same_first": None, "same_reasons": None}

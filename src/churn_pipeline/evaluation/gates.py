"""Quality gates: what a model must meet before it is accepted."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.evaluation.champion import LostChampion
from churn_pipeline.evaluation.metric_definitions import METRIC_GATES, METRICS, is_minimum
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.named_files import evaluate_again
from churn_pipeline.statistics.comparison import paired_test

SCORING_TIME = "maximum_scoring_milliseconds"
REGRESSION = "no_regression"
MARGIN = "regression_margin"

_TIMED_CUSTOMERS = 30
_WARM_UP = 3  # first calls fill caches


@dataclass(frozen=True)
class Gate:
    """One gate and whether the model passed it.

    Attributes
    ----------
    gate : str
        Its key under ``gates`` in ``params.yaml``.
    limit : float or True
    value : float or None
        What was measured; None where nothing could be.
    passed : bool or None
        None where the gate does not apply: nothing was judged.
    detail : str
        A few words for people; may be empty.
    is_local : bool
        Whether value and detail depend on the machine or on its model registry, so that they
        have no place in a tracked file.
    """

    gate: str
    limit: float | bool
    value: float | None
    passed: bool | None
    detail: str
    is_local: bool = False


@dataclass(frozen=True)
class Regression:
    """How the new model compares with the current champion.

    Attributes
    ----------
    difference : float or None
        Mean log loss of the new model minus that of the champion; None if there is no comparison.
    passed : bool or None
        None if there is no champion to compare with.
    detail : str
    """

    difference: float | None
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class Measured:
    """What the gates are held against.

    Attributes
    ----------
    metrics : mapping of str to mapping
        Metric → ``value``, ``low``, ``high``, on the test set.
    scoring_milliseconds : float or None
        See :func:`time_scoring`; needed if that gate is on.
    regression : Regression or None
        See :func:`compare_with_champion`; needed if that gate is on.
    """

    metrics: Mapping[str, Mapping[str, float]]
    scoring_milliseconds: float | None = None
    regression: Regression | None = None


def is_on(gates: Mapping[str, Any], gate: str) -> bool:
    """Whether a gate is switched on: neither null, false nor absent."""
    return gates.get(gate) is not None and gates[gate] is not False


def check(gates: Mapping[str, Any], measured: Measured) -> list[Gate]:
    """Check every gate that is switched on.

    Metrics are held against their limits by their values; those that noise moves by as much as
    matters by their intervals, which may leave open on which side of the limit they are.

    Parameters
    ----------
    gates : mapping
        The section ``gates`` of ``params.yaml``.
    measured : Measured

    Returns
    -------
    list of Gate
        In a fixed order. A value that equals its limit passes; NaN does not.
    """
    checked = []
    for gate, metric in METRIC_GATES.items():
        if is_on(gates, gate):
            checked.append(_check_metric(gate, gates[gate], measured.metrics.get(metric)))
    if is_on(gates, SCORING_TIME):
        assert measured.scoring_milliseconds is not None
        limit, value = gates[SCORING_TIME], measured.scoring_milliseconds
        detail = "one customer at a time, fastest of 30"
        checked.append(Gate(SCORING_TIME, limit, value, value <= limit, detail, is_local=True))
    if is_on(gates, REGRESSION):
        assert measured.regression is not None
        found = measured.regression
        checked.append(
            Gate(REGRESSION, True, found.difference, found.passed, found.detail, is_local=True)
        )
    return checked


def _check_metric(gate: str, limit: float, figure: Mapping[str, float] | None) -> Gate:
    if figure is None:
        return Gate(gate, limit, None, None, "not judged: these customers do not determine it")
    sign = 1 if is_minimum(gate) else -1
    # how far each is on the right side of the limit
    value, *ends = (sign * (figure[key] - limit) for key in ("value", "low", "high"))
    detail = f"interval {figure['low']:.4f} to {figure['high']:.4f}"
    is_open = min(ends) < 0 <= max(ends)
    if is_open:
        detail += ", which contains the limit: too few test customers to be sure"
    is_passed: bool | None = value >= 0
    if METRICS[METRIC_GATES[gate]].is_noisy:
        is_passed = None if is_open else min(ends) >= 0
    return Gate(gate, limit, figure["value"], is_passed, detail)


def time_scoring(
    score: Callable[[NDArray[np.float64]], object],
    customers: NDArray[np.float64],
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the milliseconds that it takes to score one customer, the fastest of some calls.

    What else the machine does can only make a call slower.

    Parameters
    ----------
    score : callable
        Scores rows of model inputs, (n, n_inputs).
    customers : ndarray of float, (n, n_inputs)
        The first thirty are scored, each in a call of its own; at least one.
    clock : callable
        Returns seconds.
    """
    rows = [customers[[i]] for i in range(min(_TIMED_CUSTOMERS, len(customers)))]
    for row in rows[:_WARM_UP]:
        score(row)
    seconds = []
    for row in rows:
        start = clock()
        score(row)
        seconds.append(clock() - start)
    return 1000 * min(seconds)


def compare_with_champion(
    churned: NDArray[np.int8],
    churn_probability: NDArray[np.float64],
    champion_model: ChurnModel | LostChampion | None,
    customers: pd.DataFrame,
    confidence: float,
    margin: float = 0.0,
    customer_numbers: NDArray[np.int64] | None = None,
) -> Regression:
    """Test whether the current champion predicts these customers better than the new model.

    The interval of the mean difference of the customers' log losses (paired, Student's t) is held
    against the margin. The new model fails if the whole interval lies above 0 and its upper end
    above the margin: it is worse beyond noise, and by an amount that may matter. It passes if the
    upper end is at most the margin, however significant so small a difference is, and if the
    interval holds 0; where it holds both 0 and the margin, the detail says that the test set is
    too small to rule out a loss of the margin. A champion that cannot be loaded
    or cannot score these customers is not passed over: a gate that opens whenever it cannot look
    would guard nothing. Who changed the contract on purpose switches the gate off for that run.

    Parameters
    ----------
    churned : ndarray of 0 and 1, (n,)
    churn_probability : ndarray of float, (n,)
        By the new model.
    champion_model : ChurnModel, LostChampion or None
        None if there is no champion yet: the gate does not apply.
    customers : DataFrame, (n, n_columns)
    confidence : float
        One minus the level at which either end of the interval decides: its own level, two-sided,
        is ``2 * confidence - 1``.
    margin : float
        Largest increase of the mean log loss that does not matter, at least 0.
    customer_numbers : ndarray of int, (n,), optional
        Whose row it is, 0 … n_customers - 1; by default each row is another customer.

    Returns
    -------
    Regression
    """
    if champion_model is None:
        return Regression(None, None, "there is no champion yet")
    if isinstance(champion_model, LostChampion) and not champion_model.is_known:
        return Regression(
            None,
            False,
            f"not judged: {champion_model.reason}; then {evaluate_again()} judges it, or set "
            f"gates.{REGRESSION} to false for this run",
        )
    if isinstance(champion_model, LostChampion):
        return Regression(
            None,
            False,
            f"the champion cannot be loaded ({champion_model.reason}); go back to an earlier one "
            f"with `kedro model rollback`, or set gates.{REGRESSION} to false for this run",
        )
    try:
        of_champion = _score(champion_model, customers)
    except Exception as error:  # whatever an older model raises at a table of today
        reason = str(error).partition("\n")[0] or type(error).__name__
        return Regression(
            None,
            False,
            f"the champion cannot score these customers ({reason}); if the columns changed on "
            f"purpose, set gates.{REGRESSION} to false for this run",
        )
    differences = log_losses(churned, churn_probability) - log_losses(churned, of_champion)
    level = max(2 * confidence - 1, 0.0)
    test = paired_test(differences, customer_numbers, confidence=level)
    passed, verdict = _judge(test.low, test.high, margin)
    if not passed:
        verdict += (
            "; if the file has changed since, it may have been trained on some of these customers"
        )
    detail = (
        f"log loss {_signed(test.difference)} against the champion's, {level:.0%} interval "
        f"{_signed(test.low)} to {_signed(test.high)}, margin {margin:g}: {verdict}"
    )
    return Regression(test.difference, passed, detail)


def _judge(low: float, high: float, margin: float) -> tuple[bool, str]:
    """Return whether an interval of the difference passes, and why."""
    if high <= margin:
        return True, "not worse by more than the margin"
    if low > 0:
        return False, "worse beyond noise, and by more than the margin allows"
    return True, (
        "not worse beyond noise, but there are too few test customers to rule out a loss above the "
        "margin"
    )


def _signed(number: float) -> str:
    return f"{number:+.4f}".replace("-0.0000", "+0.0000")


def _score(champion_model: ChurnModel, customers: pd.DataFrame) -> NDArray[np.float64]:
    missing = [name for name in champion_model.inputs if name not in customers]
    if missing:
        raise ValueError(f"it needs {', '.join(missing)}")
    scores = champion_model.churn_probability(customers)
    if not np.isfinite(scores).all():
        raise ValueError("some of its scores are not finite")
    return scores


def log_losses(
    churned: NDArray[np.int8], churn_probability: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the log loss of each customer, (n,), for probabilities within 0 and 1."""
    return -np.log(np.where(churned == 1, churn_probability, 1 - churn_probability))

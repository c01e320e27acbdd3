"""Quality gates: what a model must meet before it is accepted."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.evaluation.metric_definitions import METRIC_GATES, METRICS, is_minimum
from churn_pipeline.evaluation.regression import REGRESSION, Regression

SCORING_TIME = "maximum_scoring_milliseconds"

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
        None where nothing could be judged.
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
class Measured:
    """What the gates are held against.

    Attributes
    ----------
    metrics : mapping of str to mapping
        Metric → ``value``, ``low``, ``high``, on the test set.
    scoring_milliseconds : float or None
        See :func:`time_scoring`; needed if that gate is on.
    regression : Regression or None
        See :func:`churn_pipeline.evaluation.regression.compare_with_champion`; needed if that gate
        is on.
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

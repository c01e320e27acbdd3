"""The gate on the current champion: does the new model predict worse?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.evaluation.champion import LostChampion
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.named_files import evaluate_again
from churn_pipeline.statistics.comparison import paired_test
from churn_pipeline.statistics.losses import log_losses

REGRESSION = "no_regression"
MARGIN = "regression_margin"


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

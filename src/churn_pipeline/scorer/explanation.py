"""Why a customer has the score: SHAP values by model input, in log-odds.

Exact where the model is linear (Lundberg and Lee, 2017: ``weight * (value - mean)``, the inputs
taken as independent) or a tree ensemble (the path-dependent values of Lundberg et al., 2020).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.scorer.tree_paths import TreePaths, level_numbers, tree_paths

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reason:
    """An input that raises the customer's churn probability.

    Attributes
    ----------
    input : str
    text : str
        See :func:`churn_pipeline.scorer.wording.reason_text`.
    contribution : float
        In log-odds.
    """

    input: str
    text: str
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a customer has the score.

    Attributes
    ----------
    log_odds : float
        The customer's.
    base_log_odds : float
        Before anything is known of the customer; the contributions make up the difference.
    contributions : dict of str to float
        Of each input, see :func:`explained_inputs`.
    reasons : list of Reason
        The inputs that raise the probability most, at most as many as were asked for.
    """

    log_odds: float
    base_log_odds: float
    contributions: dict[str, float]
    reasons: list[Reason]


def explained_inputs(contract: Contract) -> dict[str, str]:
    """Return under which name each model input is explained.

    A derived column that reads one column of the file only is a part of what that column says.
    """
    names = {name: name for name in contract.model_inputs}
    for column in contract.derived_columns:
        if len(column.expression.columns) == 1:
            (source,) = column.expression.columns
            names[column.name] = source if source in names else column.name
    return names


class Contributions(Protocol):
    """Computes what each explained input adds to the classifier's log-odds."""

    def __call__(self, rows: Floats, terms: Floats) -> Floats:
        """Return (n, n_explained).

        Parameters
        ----------
        rows : ndarray of float, (n, n_inputs)
        terms : ndarray of float, (n, n_terms)
            The summands of a linear model; (n, 0) of any other.
        """


@dataclass(frozen=True)
class LinearContributions:
    """Differences of a linear model's summands from their means over the training customers.

    Attributes
    ----------
    mean_terms : ndarray of float, (n_terms,)
    explained : ndarray of int, (n_terms,)
        The explained input of each term.
    n_explained : int
    """

    mean_terms: Floats
    explained: NDArray[np.int64]
    n_explained: int

    def __call__(self, rows: Floats, terms: Floats) -> Floats:
        """Return (n, n_explained)."""
        moved = terms - self.mean_terms
        if len(moved) == 1:
            alone = np.bincount(self.explained, moved[0], self.n_explained)
            return alone[None, :].astype(np.float64)
        found = np.zeros((len(moved), self.n_explained))
        for term, explained in enumerate(self.explained):  # in bincount's order, for equal bits
            found[:, explained] += moved[:, term]
        return found


@dataclass(frozen=True)
class Explainer:
    """Explains the scores of one model.

    Attributes
    ----------
    names : tuple of str
        The explained inputs.
    contributions : Contributions
    base : float
        The classifier's base log-odds, before calibration.
    calibrated_base : float
    slope : float
        By which calibration stretches log-odds; NaN where it bends them.
    """

    names: tuple[str, ...]
    contributions: Contributions
    base: float
    calibrated_base: float
    slope: float

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], contract: Contract) -> "Explainer":
        """Take the explainer from the arrays of ``explainer.npz``."""
        names = tuple(dict.fromkeys(explained_inputs(contract).values()))
        contributions: Contributions
        if "mean_terms" in arrays:
            contributions = LinearContributions(
                arrays["mean_terms"], arrays["explained"], len(names)
            )
        else:
            contributions = TreePaths(tree_paths(arrays), len(names), level_numbers(arrays))
        base, calibrated, slope = arrays["base"].tolist()
        return cls(names, contributions, base, calibrated, slope)

    def explain(self, rows: Floats, terms: Floats, log_odds: Floats) -> Floats:
        """Return the contributions to the calibrated log-odds, (n, n_explained).

        Calibration that bends the log-odds is shared out in proportion.
        """
        found = self.contributions(rows, terms)
        if self.slope == self.slope:
            return found if self.slope == 1.0 else found * self.slope
        moved = found.sum(axis=1)
        gain = log_odds - self.calibrated_base
        tiny = np.abs(moved) < 1e-9  # a quotient of rounding errors
        scale = np.divide(gain, moved, out=np.ones_like(gain), where=~tiny)
        return found * scale[:, None]


def value_of(name: str, row: tuple[float, ...], contract: Contract) -> float | str | None:
    """Return a model input's value as people know it, None where it is missing."""
    value = row[contract.model_inputs.index(name)]
    if name in contract.categorical_inputs:
        return contract.columns[name].values[int(value)] if value >= 0 else None
    return value if value == value else None

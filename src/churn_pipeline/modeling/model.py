"""The shipped model: a fitted candidate and its calibration."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.pipeline import Pipeline

from churn_pipeline.contract.limits import MAX_LOG_ODDS
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.families.base import LinearForm
from churn_pipeline.modeling.recalibration import Calibrator
from churn_pipeline.modeling.trees import TreeEnsemble


@dataclass(frozen=True)
class ChurnModel:
    """What scores customers.

    Attributes
    ----------
    candidate : str
        Name of the candidate, and of its family.
    pipeline : Pipeline
        The fitted encoder and classifier.
    calibrator : Calibrator or None
        What is applied to the classifier's log-odds; None where that improved nothing.
    inputs : tuple of str
        The columns that ``pipeline`` takes.
    trees : TreeEnsemble or None
        The classifier's trees, which score in float64 where a library adds up in float32.
    """

    candidate: str
    pipeline: Pipeline
    calibrator: Calibrator | None
    inputs: tuple[str, ...]
    trees: TreeEnsemble | None

    @classmethod
    def of(
        cls,
        candidate: str,
        pipeline: Pipeline,
        inputs: tuple[str, ...],
        calibrator: Calibrator | None = None,
    ) -> Self:
        """Make a model of a fitted candidate."""
        form = FAMILIES[candidate].form(pipeline[-1])
        trees = form if isinstance(form, TreeEnsemble) else None
        return cls(candidate, pipeline, calibrator, inputs, trees)

    @property
    def form(self) -> LinearForm | TreeEnsemble | None:
        """What its classifier is shipped as, None where nothing is known."""
        return self.trees or FAMILIES[self.candidate].form(self.pipeline[-1])

    def log_odds(self, customers: pd.DataFrame) -> NDArray[np.float64]:
        """Return the calibrated log-odds of churn, (n_customers,)."""
        inputs = customers[list(self.inputs)]
        if self.trees is None:
            raw = log_odds(self.candidate, self.pipeline, inputs)
        else:
            raw = self.trees.log_odds(self.pipeline[:-1].transform(inputs))
        return raw if self.calibrator is None else self.calibrator(raw)

    def churn_probability(self, customers: pd.DataFrame) -> NDArray[np.float64]:
        """Return the churn probabilities, (n_customers,), never closer than 1e-6 to 0 or 1."""
        return expit(np.clip(self.log_odds(customers), -MAX_LOG_ODDS, MAX_LOG_ODDS))


def log_odds(candidate: str, pipeline: Pipeline, inputs: pd.DataFrame) -> NDArray[np.float64]:
    """Return the log-odds of churn of a fitted candidate, before any calibration, (n_customers,).

    As its library computes them, see
    :meth:`churn_pipeline.modeling.families.base.Family.log_odds`.
    """
    *encoders, classifier = pipeline
    matrix = inputs
    for encoder in encoders:
        matrix = encoder.transform(matrix)
    return FAMILIES[candidate].log_odds(classifier, matrix)

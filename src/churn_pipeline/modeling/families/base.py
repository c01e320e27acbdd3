"""What a model family is: all that the project knows of one kind of model."""

import inspect
import pickle
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.contract.limits import CERTAIN
from churn_pipeline.modeling.trees import TreeEnsemble

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Floats = NDArray[np.float64]
Sides = tuple[Any, NDArray[np.int8]]

PATIENCE = 50
"""Trees without a lower log loss after which no more are added."""


class LinearForm(NamedTuple):
    """Log-odds that are linear in the columns of the linear encoder's matrix.

    Attributes
    ----------
    coefficients : ndarray of float, (n_columns,)
    intercept : float
    """

    coefficients: Floats
    intercept: float


class Family(ABC):
    """A kind of model that can be a candidate, from its settings to what is shipped of it.

    A family is a subclass in a module of this package. It must have ``name``, ``meaning``,
    ``encoder`` and :meth:`classifier`; the rest has defaults that hold for any scikit-learn
    classifier, but for one: only a model that has a :meth:`form` can be packaged.

    A module of a family imports its library inside the methods: the model card, which wants the
    meanings only, must not pay for the libraries.

    Attributes
    ----------
    name : str
        The entry under ``candidates`` in ``params.yaml``.
    meaning : str
        What it is, in a few words of the model card.
    encoder : {"linear", "trees"}
        What the classifier is fitted on: numbers imputed, bent at so many ``knots`` (a setting) and
        standardised, or as they are, NaN where missing; see
        :mod:`churn_pipeline.features.encoding`.
    libraries : tuple of str
        Modules that fit it, with a ``__version__``: trials of tuning are not continued with others.
    extra : str or None
        The extra of ``pyproject.toml``, and the target of ``make``, that installs its libraries;
        None where the project always has them.
    fixed : frozenset of str
        Parameters of the classifier that are no settings, since the project sets them: for the sake
        of reproducibility, and because scores and explanations rest on them.
    sizes : frozenset of str
        Settings that count trees or steps: whole numbers from 1 on, tried with 2 before a run.
    of_table : frozenset of str
        Settings that speak of the real table's columns, not tried before a run.
    tree_count : str or None
        The setting that says how many trees are added one after the other, for families whose
        :meth:`count_trees` finds how many are best; else None.
    """

    name: ClassVar[str]
    meaning: ClassVar[str]
    encoder: ClassVar[Literal["linear", "trees"]]
    libraries: ClassVar[tuple[str, ...]] = ("sklearn",)
    extra: ClassVar[str | None] = None
    fixed: ClassVar[frozenset[str]] = frozenset({"n_jobs", "random_state"})
    sizes: ClassVar[frozenset[str]] = frozenset({"n_estimators", "max_iter"})
    of_table: ClassVar[frozenset[str]] = frozenset(
        {"monotone_constraints", "interaction_constraints"}
    )

    tree_count: ClassVar[str | None] = None

    @abstractmethod
    def classifier(self, seed: int, *_: Any, **settings: Any) -> Any:
        """Return an unfitted classifier.

        It needs ``fit``, ``predict_proba`` and ``get_params``, runs in one thread, and takes
        ``seed`` if it draws. A subclass names its settings as keyword arguments; if it takes any
        keyword, all parameters of the classifier but :attr:`fixed` are settings as well.
        """

    def build(
        self, contract: Contract, seed: int, *, knots: int = 0, **settings: Any
    ) -> "Pipeline":
        """Return an unfitted pipeline of one encoder and one classifier.

        All that is fitted is a step of it, so that each fold fits its own.
        """
        from sklearn.pipeline import make_pipeline

        from churn_pipeline.features.encoding import linear_encoder, tree_encoder

        classifier = self.classifier(seed, **settings)
        if self.encoder == "linear":
            return make_pipeline(linear_encoder(contract, knots), classifier)
        return make_pipeline(tree_encoder(contract), classifier)

    def aliases(self, settings: frozenset[str]) -> Mapping[str, str]:
        """Return other names → the setting that each means; here none."""
        return {}

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the library raises where settings do not fit."""
        return ValueError, TypeError

    def log_odds(self, classifier: Any, matrix: Any) -> Floats:
        """Return the log-odds that a fitted classifier gives the encoder's rows, (n,) of float64.

        Here those of its probabilities, none closer than 1e-6 to 0 or 1. A family that
        can, returns them before they become probabilities, which lose digits near 0 and 1; they
        are the log-odds of ``predict_proba`` all the same.
        """
        from scipy.special import logit

        return logit(np.clip(classifier.predict_proba(matrix)[:, 1], CERTAIN, 1 - CERTAIN))

    def count_trees(self, classifier: Any, fitted: Sides, validated: Sides) -> int:
        """Return after how many trees the log loss of other rows was lowest.

        Parameters
        ----------
        classifier : object
            Unfitted, with as many trees as there may be.
        fitted, validated : tuple of matrix, (n, n_columns), and ndarray of 0 and 1, (n,)
            What the trees are fitted on, and what they are measured on.
        """
        raise NotImplementedError(f"{self.name} does not add trees one after the other")

    def form(self, classifier: Any) -> LinearForm | TreeEnsemble | None:
        """Return what a fitted classifier is shipped as: scored in ONNX and explained exactly.

        Coefficients of the linear encoder's columns, or plain arrays of trees on the other's. Here
        None: it can be compared with the others, but not packaged.
        """
        return None

    def scoring_cost(self, classifier: Any) -> float:
        """Count the operations that a fitted classifier takes for one customer.

        Counted rather than timed, so that it repeats. A linear model multiplies and adds once for
        each coefficient that is not 0. A tree compares once a level: the mean over the training
        customers, summed over the trees, plus one addition a tree. Of anything else all that it
        holds is taken to be touched: an operation for 8 bytes. ``docs/benchmarks.md`` has measured
        times beside it.
        """
        form = self.form(classifier)
        if form is None:
            return float(len(pickle.dumps(classifier)) // 8)
        if isinstance(form, LinearForm):
            return float(np.count_nonzero(form.coefficients))
        return form.mean_comparisons()

    @property
    def missing(self) -> list[str]:
        """The libraries that are not installed; found without loading any."""
        return [name for name in self.libraries if find_spec(name) is None]

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """Each name that a setting may have → that by which it is built."""
        parameters = inspect.signature(self.classifier).parameters.values()
        own = {p.name for p in parameters if p.kind == p.KEYWORD_ONLY}
        if any(p.kind == p.VAR_KEYWORD for p in parameters):
            own |= set(self.classifier(0).get_params()) - self.fixed
        if self.encoder == "linear":
            own.add("knots")
        return {key: key for key in own} | dict(self.aliases(frozenset(own)))

    def tried(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings with which a few made-up customers are fitted before a run."""
        small = dict.fromkeys(self.sizes & set(self.settings.values()), 2)
        return {k: v for k, v in settings.items() if k not in self.of_table} | small

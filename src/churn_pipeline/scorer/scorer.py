"""Score and explain customers by a bundle."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.contract import Column
from churn_pipeline.errors import BundleError, ParameterError
from churn_pipeline.named_files import params_yaml
from churn_pipeline.scorer.bundle import Bundle, read_bundle
from churn_pipeline.scorer.decisions import (
    Decider,
    Decisions,
    Economics,
    Score,
    Tier,
    decide_table,
    tiers,
)
from churn_pipeline.scorer.example import example_record
from churn_pipeline.scorer.explanation import Explanation, Reason, value_of
from churn_pipeline.scorer.model import Model
from churn_pipeline.scorer.records import Customer, RecordReader
from churn_pipeline.scorer.wording import reason_text

Floats = NDArray[np.float64]

_UNSEEN = ("refuse", "missing")


def load_scorer(folder: Path, unseen_category: str = "refuse") -> "Scorer":
    """Load a bundle from its folder.

    Raises
    ------
    BundleError
        See :func:`churn_pipeline.scorer.bundle.read_bundle`.
    """
    return Scorer(read_bundle(folder), unseen_category)


class Scorer(Model):
    """A loaded bundle: the model and what is decided of its scores.

    Parameters
    ----------
    bundle : Bundle
    unseen_category : {"refuse", "missing"}
        What becomes of a value that the contract does not allow for a category.

    Raises
    ------
    BundleError
        If the bundle's files do not go together.
    """

    def __init__(self, bundle: Bundle, unseen_category: str = "refuse") -> None:
        if unseen_category not in _UNSEEN:
            raise ParameterError(
                f"{params_yaml()}: serving.unseen_category is {unseen_category!r}; "
                f"valid options: {', '.join(_UNSEEN)}"
            )
        self._unseen_as_missing = unseen_category == "missing"
        super().__init__(bundle)

    def _take(self, bundle: Bundle) -> None:
        super()._take(bundle)
        decisions = bundle.json("decisions.json")
        self.economics = Economics.of(decisions["economics"])
        try:
            self.tiers: tuple[Tier, ...] = tiers(
                {tier["name"]: tier for tier in decisions["tiers"]}
            )
        except ParameterError as error:
            raise BundleError(f"the bundle {self.version} was packaged with {error}") from None
        self._decider = Decider(self.economics, self.tiers)
        told = bundle.files.get("description.json", b"{}")
        self.description: dict[str, Any] = {**json.loads(told), "version": self.version}
        worth = self.economics.customer_lifetime_value
        self._reader = RecordReader(self.contract, worth, self._unseen_as_missing)

    @property
    def request_columns(self) -> tuple[Column, ...]:
        """The fields of one customer in a request."""
        return self._reader.columns

    @cached_property
    def example(self) -> dict[str, Any]:
        """A record that :meth:`read` accepts, unless no trying meets the contract's row rules."""
        return example_record(self._reader)

    def read(self, record: Any) -> Customer:
        """Check a decoded JSON value by the contract.

        Raises
        ------
        InvalidRecord
        """
        return self._reader.read(record)

    def read_fields(self, record: Any) -> Customer:
        """Check as :meth:`read` does, but for the row rules; for examples."""
        contract = replace(self.contract, row_rules=())
        return RecordReader(contract, self.economics.customer_lifetime_value).read(record)

    def score(self, customers: Sequence[Customer]) -> list[Score]:
        """Score customers, and decide of them."""
        if len(customers) == 1:
            (customer,) = customers
            return [
                self._decider.decide(self.probability_of(customer.row), customer.lifetime_value)
            ]
        if not customers:
            return []
        rows = np.array([customer.row for customer in customers])
        values = [customer.lifetime_value for customer in customers]
        return self.decide(self.churn_probability(rows), values)

    def decide_table(self, churn_probability: Floats, lifetime_values: Floats) -> Decisions:
        """Decide of many customers at once, as :meth:`decide` does of each; (n,) each."""
        return decide_table(churn_probability, lifetime_values, self.economics, self.tiers)

    def decide(self, churn_probability: Floats, lifetime_values: Iterable[float]) -> list[Score]:
        """Decide of customers by their churn probabilities and lifetime values, (n,) each."""
        decide = self._decider.decide
        pairs = zip(churn_probability.tolist(), lifetime_values, strict=True)
        return [decide(probability, value) for probability, value in pairs]

    def explain(self, customers: Sequence[Customer], reasons: int = 3) -> list[Explanation]:
        """Explain customers' scores, with so many reasons at most."""
        if not customers:
            return []
        rows = np.array([customer.row for customer in customers])
        log_odds = self.log_odds(rows)
        names, base = self._explainer.names, self._explainer.calibrated_base
        return [
            Explanation(
                total,
                base,
                dict(zip(names, values, strict=True)),
                self._reasons(values, customer, reasons),
            )
            for customer, total, values in zip(
                customers, log_odds.tolist(), self.contributions(rows).tolist(), strict=True
            )
        ]

    def _reasons(self, values: list[float], customer: Customer, n: int) -> list[Reason]:
        names = self._explainer.names

        def known(name: str) -> float | str | None:
            return value_of(name, customer.row, self.contract)

        order = sorted((-value, place) for place, value in enumerate(values) if value > 0)
        return [
            Reason(
                names[place],
                reason_text(names[place], known, self.contract, customer.unseen),
                -value,
            )
            for value, place in order[:n]
        ]

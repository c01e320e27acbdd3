"""Score and explain customers by a bundle."""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.contract import Column, Contract, parse_contract
from churn_pipeline.errors import BundleError, ChurnPipelineError, ParameterError
from churn_pipeline.named_files import params_yaml
from churn_pipeline.scorer.bundle import Bundle, read_bundle
from churn_pipeline.scorer.decisions import Decider, Economics, Score, Tier, tiers
from churn_pipeline.scorer.example import example_record
from churn_pipeline.scorer.explanation import (
    Explainer,
    Explanation,
    Reason,
    value_of,
)
from churn_pipeline.scorer.records import Customer, RecordReader
from churn_pipeline.scorer.rows import Table, table_rows
from churn_pipeline.scorer.wording import reason_text

Floats = NDArray[np.float64]

CERTAIN = 1e-6  # nobody is that sure of a customer
MAX_LOG_ODDS = float(np.log((1 - CERTAIN) / CERTAIN))
_LOG_ODDS = ["log_odds"]
_UNSEEN = ("refuse", "missing")
_ROWS_A_CALL = 10_000  # bounds the memory of large tables


def load_scorer(folder: Path, unseen_category: str = "refuse") -> "Scorer":
    """Load a bundle from its folder.

    Raises
    ------
    BundleError
        See :func:`churn_pipeline.scorer.bundle.read_bundle`.
    """
    return Scorer(read_bundle(folder), unseen_category)


class Scorer:
    """A loaded bundle.

    Customers get the same bits one by one, in batches and in tables: the ONNX model computes each
    row's log-odds by itself, in float64.

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
        self.version = bundle.version
        try:
            self._take(bundle, unseen_category == "missing")
        except ChurnPipelineError:
            raise
        except Exception as error:
            raise BundleError(
                f"the bundle {self.version} cannot be used ({type(error).__name__}: {error}); "
                "package the model again"
            ) from error

    def _take(self, bundle: Bundle, unseen_as_missing: bool) -> None:
        self.contract: Contract = parse_contract(bundle.json("contract.json"), "contract.json")
        decisions = bundle.json("decisions.json")
        self.economics = Economics.of(decisions["economics"])
        self.tiers: tuple[Tier, ...] = tiers({tier["name"]: tier for tier in decisions["tiers"]})
        self._decider = Decider(self.economics, self.tiers)
        told = bundle.files.get("description.json", b"{}")
        self.description: dict[str, Any] = {**json.loads(told), "version": self.version}
        self._session = _session(bundle)
        # the wrapper of onnxruntime's Python class costs as much as a small model
        self._run = self._session._sess.run
        self._outputs = [output.name for output in self._session.get_outputs()]
        (taken,) = (value.shape[1] for value in self._session.get_inputs())
        if taken != len(self.contract.model_inputs):
            raise BundleError(
                f"model.onnx takes {taken} inputs, contract.json describes "
                f"{len(self.contract.model_inputs)}; package the model again"
            )
        worth = self.economics.customer_lifetime_value
        self._reader = RecordReader(self.contract, worth, unseen_as_missing)
        with np.load(io.BytesIO(bundle.content("explainer.npz")), allow_pickle=False) as arrays:
            self._explainer = Explainer.of(dict(arrays), self.contract)

    @property
    def request_columns(self) -> tuple[Column, ...]:
        """The fields of one customer in a request."""
        return self._reader.columns

    @cached_property
    def example(self) -> dict[str, Any]:
        """A record that :meth:`read` accepts, unless no trying meets the contract's row rules."""
        return example_record(self._reader)

    @property
    def explained_inputs(self) -> tuple[str, ...]:
        """Names of what :meth:`contributions` are of."""
        return self._explainer.names

    @property
    def base_log_odds(self) -> float:
        """Log-odds before anything is known of a customer."""
        return self._explainer.calibrated_base

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
        if not customers:
            return []
        rows = np.array([customer.row for customer in customers])
        values = [customer.lifetime_value for customer in customers]
        return self.decide(self.churn_probability(rows), values)

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

    def log_odds(self, rows: Floats) -> Floats:
        """Return the calibrated log-odds of churn, (n,), of rows (n, n_inputs)."""
        if len(rows) <= _ROWS_A_CALL:
            return self._run(_LOG_ODDS, {"rows": rows}, None)[0]
        starts = range(0, len(rows), _ROWS_A_CALL)
        return np.concatenate([self.log_odds(rows[i : i + _ROWS_A_CALL]) for i in starts])

    def churn_probability(self, rows: Floats) -> Floats:
        """Return the churn probabilities, (n,), never closer than 1e-6 to 0 or 1."""
        log_odds = self.log_odds(rows)
        if len(log_odds) == 1:  # the same steps without the cost of arrays
            alone = min(max(float(log_odds[0]), -MAX_LOG_ODDS), MAX_LOG_ODDS)
            return np.array([1.0 / (1.0 + float(np.exp(-alone)))])
        return 1.0 / (1.0 + np.exp(-np.minimum(np.maximum(log_odds, -MAX_LOG_ODDS), MAX_LOG_ODDS)))

    def contributions(self, rows: Floats) -> Floats:
        """Return SHAP values in log-odds, (n, n_explained); see :attr:`explained_inputs`."""
        parts = [np.empty((0, len(self._explainer.names)))]
        for start in range(0, len(rows), _ROWS_A_CALL):
            part = rows[start : start + _ROWS_A_CALL]
            log_odds, *more = self._run(self._outputs, {"rows": part}, None)
            terms = more[0] if more else np.empty((len(part), 0))
            parts.append(self._explainer.explain(part, terms, log_odds))
        return parts[1] if len(parts) == 2 else np.concatenate(parts)

    def rows(self, table: Table) -> Floats:
        """Return the rows of a table, see :func:`churn_pipeline.scorer.rows.table_rows`."""
        return table_rows(table, self.contract)


def _session(bundle: Bundle) -> Any:
    import onnxruntime  # a tenth of a second, which those who only decide need not wait

    model = bundle.content("model.onnx")
    options = onnxruntime.SessionOptions()
    # one row is too small a work to share, and shared sums could have other bits
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

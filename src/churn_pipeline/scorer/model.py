"""The model of a bundle: churn probabilities and their explanations, before anything is decided."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.contract.limits import MAX_LOG_ODDS
from churn_pipeline.errors import BundleError, ChurnPipelineError
from churn_pipeline.scorer.bundle import Bundle
from churn_pipeline.scorer.explanation import Explainer
from churn_pipeline.scorer.rows import Table, table_rows

Floats = NDArray[np.float64]

_LOG_ODDS = ["log_odds"]
_ROWS_A_CALL = 10_000  # bounds the memory of large tables


class Model:
    """The loaded ONNX model and explainer of a bundle, which may lack the rules of decisions.

    Customers get the same bits one by one, in batches and in tables: the ONNX model computes each
    row's log-odds by itself, in float64.

    Parameters
    ----------
    bundle : Bundle

    Raises
    ------
    BundleError
        If the bundle's files do not go together.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.version = bundle.version
        try:
            self._take(bundle)
        except ChurnPipelineError:
            raise
        except Exception as error:
            raise BundleError(
                f"the bundle {self.version} cannot be used ({type(error).__name__}: {error}); "
                "package the model again"
            ) from error

    def _take(self, bundle: Bundle) -> None:
        self.contract: Contract = parse_contract(bundle.json("contract.json"), "contract.json")
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
        with np.load(io.BytesIO(bundle.content("explainer.npz")), allow_pickle=False) as arrays:
            self._explainer = Explainer.of(dict(arrays), self.contract)

    @property
    def explained_inputs(self) -> tuple[str, ...]:
        """Names of what :meth:`contributions` are of."""
        return self._explainer.names

    @property
    def base_log_odds(self) -> float:
        """Log-odds before anything is known of a customer."""
        return self._explainer.calibrated_base

    def log_odds(self, rows: Floats) -> Floats:
        """Return the calibrated log-odds of churn, (n,), of rows (n, n_inputs)."""
        if len(rows) <= _ROWS_A_CALL:
            return self._run(_LOG_ODDS, {"rows": rows}, None)[0]
        starts = range(0, len(rows), _ROWS_A_CALL)
        return np.concatenate([self.log_odds(rows[i : i + _ROWS_A_CALL]) for i in starts])

    def churn_probability(self, rows: Floats) -> Floats:
        """Return the churn probabilities, (n,), never closer than 1e-6 to 0 or 1."""
        log_odds = np.minimum(np.maximum(self.log_odds(rows), -MAX_LOG_ODDS), MAX_LOG_ODDS)
        return 1.0 / (1.0 + np.exp(-log_odds))

    def probability_of(self, row: Sequence[float]) -> float:
        """Return the churn probability of one row: the same steps without the cost of arrays."""
        log_odds = self._run(_LOG_ODDS, {"rows": np.array((row,))}, None)[0].item()
        # numpy's exp, whose last digit is not always that of math.exp
        return 1.0 / (1.0 + float(np.exp(-min(max(log_odds, -MAX_LOG_ODDS), MAX_LOG_ODDS))))

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

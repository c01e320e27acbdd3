"""Assemble a bundle of the champion, without any pickle."""

import numpy as np
import onnxruntime
import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.contract.document import contract_document
from churn_pipeline.errors import BundleError
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.packaging.explainer import explainer_arrays, to_npz
from churn_pipeline.packaging.graph import to_onnx
from churn_pipeline.scorer.bundle import Bundle, to_json
from churn_pipeline.scorer.model import Model
from churn_pipeline.scorer.rows import table_rows

MAX_DIFFERENCE = 1e-6  # in probability, between the fitted estimator and the bundle
MOST_COMPARED = 100_000  # customers; a fault of the conversion shows on far fewer


def assemble(model: ChurnModel, contract: Contract, train: pd.DataFrame) -> Bundle:
    """Make the bundle that scores and explains as the model does, and decides nothing yet.

    Parameters
    ----------
    model : ChurnModel
    contract : Contract
    train : DataFrame
        The training customers, to which a linear model's explanations compare.

    Raises
    ------
    BundleError
        If the model has no ONNX form.
    """
    graph = to_onnx(model, contract)
    files = {
        "model.onnx": graph,
        "contract.json": to_json(contract_document(contract), sort_keys=False),
    }
    terms = np.empty((0, 0))
    if model.trees is None:
        rows = table_rows(train, contract)
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        (terms,) = session.run(["terms"], {"rows": rows})
    files["explainer.npz"] = to_npz(explainer_arrays(model, contract, terms))
    return Bundle(files)


def check_parity(
    model: ChurnModel, scorer: Model, customers: pd.DataFrame, contract: Contract
) -> dict[str, float]:
    """Compare the bundle's churn probabilities with the fitted estimator's, customer by customer.

    Of a very large table, :data:`MOST_COMPARED` rows from all over it are compared: the estimator
    scores them with far more time and memory than the bundle.

    Returns
    -------
    dict
        ``customers`` (how many were compared) and ``tolerance`` (which no difference exceeds).

    Raises
    ------
    BundleError
        If they differ by more than 1e-6 for any customer.
    """
    if len(customers) > MOST_COMPARED:
        places = np.linspace(0, len(customers) - 1, MOST_COMPARED).astype(np.int64)
        customers = customers.iloc[places]
    expected = model.churn_probability(customers)
    found = scorer.churn_probability(scorer.rows(customers))
    difference = np.abs(found - expected)
    worst = int(np.argmax(difference))
    if not difference[worst] <= MAX_DIFFERENCE:
        raise BundleError(
            f"the bundle gives customer {customers[contract.id.name].iloc[worst]} a churn "
            f"probability of {found[worst]:.9f}, the fitted {model.candidate} gives "
            f"{expected[worst]:.9f}; they may differ by {MAX_DIFFERENCE:g}: a fault of the "
            "conversion"
        )
    return {"customers": len(customers), "tolerance": MAX_DIFFERENCE}

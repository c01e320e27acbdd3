"""What the scorer needs to explain a model, as arrays."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.recalibration import SigmoidCalibrator
from churn_pipeline.modeling.trees import TreeEnsemble
from churn_pipeline.packaging.terms import LinearTerms, linear_terms
from churn_pipeline.packaging.tree_nodes import asked_columns, level_tables
from churn_pipeline.scorer.explanation import explained_inputs
from churn_pipeline.scorer.tree_paths import PathGroup, path_arrays

Floats = NDArray[np.float64]


def explainer_arrays(
    model: ChurnModel, contract: Contract, terms: Floats
) -> dict[str, NDArray[Any]]:
    """Return the arrays of ``explainer.npz``.

    Parameters
    ----------
    model : ChurnModel
    contract : Contract
    terms : ndarray of float, (n_train, n_terms)
        The ONNX model's summands of the training customers, if it is linear.
    """
    arrays: dict[str, NDArray[Any]] = {}
    encoder, form = model.pipeline[0], model.form
    if isinstance(form, TreeEnsemble):
        groups = path_groups(form, contract)
        base = form.base
        base += sum(float(group.value @ group.cover_share.prod(axis=0)) for group in groups)
        arrays |= path_arrays(groups)
        arrays |= {
            f"levels{place}": table for place, table in level_tables(encoder, contract).items()
        }
    else:
        assert form is not None  # nor has it an ONNX form
        parts = linear_terms(encoder, form, contract)
        mean = terms.mean(axis=0)
        base = parts.intercept + float(mean.sum())
        arrays |= {"mean_terms": mean, "explained": _explained(parts, contract)}
    calibrated, slope = base, 1.0
    if model.calibrator is not None:
        (calibrated,) = model.calibrator(np.array([base]))
        is_straight = isinstance(model.calibrator, SigmoidCalibrator)
        slope = model.calibrator.slope if is_straight else np.nan  # type: ignore[attr-defined]
    return {**arrays, "base": np.array([base, calibrated, slope])}


def _places(contract: Contract) -> dict[str, int]:
    names = explained_inputs(contract)
    order = {name: place for place, name in enumerate(dict.fromkeys(names.values()))}
    return {name: order[explained] for name, explained in names.items()}


def _explained(terms: LinearTerms, contract: Contract) -> NDArray[np.int64]:
    places = _places(contract)
    return np.array([places[name] for name in terms.inputs], dtype=np.int64)


def path_groups(trees: TreeEnsemble, contract: Contract) -> list[PathGroup]:
    """Return the paths from the roots to the leaves, grouped by how many columns they ask.

    Trees that are one leaf explain nothing and are paths of no group; their value belongs to the
    base, of which a path over one column that everybody meets is the form here.
    """
    by_depth: dict[int, list[tuple[float, dict[int, list[float]]]]] = {}
    waiting: list[tuple[int, dict[int, list[float]]]] = [(int(root), {}) for root in trees.roots]
    while waiting:
        node, path = waiting.pop()
        column = int(trees.feature[node])
        if column < 0:
            path = path or {0: [-np.inf, np.inf, 1.0, 1.0]}
            by_depth.setdefault(len(path), []).append((float(trees.value[node]), path))
            continue
        threshold = float(trees.threshold[node])
        for child, is_left in ((trees.left[node], True), (trees.right[node], False)):
            low, high, takes_missing, share = path.get(column, [-np.inf, np.inf, 1.0, 1.0])
            low, high = (low, min(high, threshold)) if is_left else (max(low, threshold), high)
            takes_missing *= float(trees.missing_left[node] == is_left)
            share *= float(trees.cover[child] / trees.cover[node])
            waiting.append((int(child), {**path, column: [low, high, takes_missing, share]}))
    return [_group(by_depth[depth], contract) for depth in sorted(by_depth)]


def _group(paths: list[tuple[float, dict[int, list[float]]]], contract: Contract) -> PathGroup:
    asked, places = asked_columns(contract), _places(contract)
    explained = np.array([places[contract.model_inputs[item.input]] for item in asked])
    columns = np.array([list(path) for _, path in paths]).T
    conditions = np.array([list(path.values()) for _, path in paths])
    low, high, takes_missing, cover_share = conditions.transpose(2, 1, 0)
    return PathGroup(
        value=np.array([value for value, _ in paths]),
        input=np.array([item.input for item in asked], dtype=np.int64)[columns],
        level=np.array([item.level for item in asked], dtype=np.int64)[columns],
        low=low,
        high=high,
        takes_missing=takes_missing.astype(bool),
        cover_share=cover_share,
        explained=explained[columns],
    )


def to_npz(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Return the arrays as an ``.npz`` file, the same bytes for the same arrays."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()

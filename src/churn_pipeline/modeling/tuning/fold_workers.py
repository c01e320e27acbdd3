"""The processes that fit candidates on folds, side by side."""

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline

from churn_pipeline.modeling.cross_validation import fit_on
from churn_pipeline.modeling.families import libraries
from churn_pipeline.modeling.model import log_odds
from churn_pipeline.named_files import files_in_use, use_files
from churn_pipeline.splits.folds import Split


@dataclass
class _Data:
    inputs: pd.DataFrame
    churned: NDArray[np.int8]
    splits: Sequence[Split]


_data: _Data  # of the process; sent once, not with each fit


def _set_data(
    inputs: pd.DataFrame,
    churned: NDArray[np.int8],
    splits: Sequence[Split],
    names: Mapping[str, str],
) -> None:
    global _data
    use_files(**names)
    _data = _Data(inputs, churned, splits)
    if (parent := parent_process()) is not None:
        # a killed parent must not leave its workers behind
        threading.Thread(target=_follow, args=[parent], daemon=True).start()


def _follow(parent: Any) -> None:
    parent.join()
    os._exit(1)


def fit_fold(name: str, candidate: Pipeline, fold: int) -> float:
    """Fit a candidate on all folds but one; return its log loss there. Runs in a worker."""
    train, validation = _data.splits[fold]
    model = fit_on(name, candidate, _data.inputs.iloc[train], _data.churned[train])
    probability = expit(log_odds(name, model, _data.inputs.iloc[validation]))
    return float(log_loss(_data.churned[validation], probability))


class _InlineExecutor(Executor):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def fold_executor(
    workers: int,
    inputs: pd.DataFrame,
    churned: NDArray[np.int8],
    splits: Sequence[Split],
    candidates: Iterable[str],
) -> Executor:
    """Return what runs :func:`fit_fold` on these customers; one worker is this process.

    Parameters
    ----------
    workers : int
    inputs : DataFrame, (n, n_inputs)
    churned : ndarray of 0 and 1, (n,)
    splits : sequence of Split
        Of the folds.
    candidates : iterable of str
        What will be fitted.
    """
    if workers == 1:
        _set_data(inputs, churned, splits, files_in_use())
        return _InlineExecutor()
    # a fork of this process would share locks and connections that are in use; the fork server is
    # a clean one that imports the libraries once for all workers
    context = get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__, *libraries(candidates)])
    return ProcessPoolExecutor(
        workers,
        mp_context=context,
        initializer=_set_data,
        initargs=(inputs, churned, splits, files_in_use()),
    )

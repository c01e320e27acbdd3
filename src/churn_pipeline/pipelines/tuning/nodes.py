"""Nodes of the tuning pipeline."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import cpu_count
from numpy.typing import NDArray

import churn_pipeline
from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import check_settings
from churn_pipeline.modeling.families import libraries
from churn_pipeline.modeling.target import churned
from churn_pipeline.modeling.tuning.search import Budget, CandidateStudy, tabulate, tune
from churn_pipeline.modeling.tuning.search_space import parse_search_space
from churn_pipeline.modeling.tuning.studies import StudyJournal, study_name
from churn_pipeline.splits.customers import customer_numbers
from churn_pipeline.splits.folds import check_folds
from churn_pipeline.splits.sampling import first_customers
from churn_pipeline.stages.imports import files_behind

_LIBRARIES = ("numpy", "optuna", "pandas", "scipy")


def tune_candidates(
    train: pd.DataFrame,
    contract: Contract,
    candidates: dict[str, Any],
    tuning: dict[str, Any],
    journal: StudyJournal | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Search the settings of every candidate for the lowest cross-validated log loss.

    Parameters
    ----------
    train : DataFrame
    contract : Contract
    candidates, tuning : dict
        The sections of ``params.yaml``.
    journal : StudyJournal, optional
        Finished trials of an earlier run with the same ingredients are taken from it.

    Returns
    -------
    trials : DataFrame
        See :func:`churn_pipeline.modeling.tuning.search.tabulate`.
    tuned_settings : dict
        Candidate → setting → value, fixed ones included; without candidates that were given up,
        see :func:`churn_pipeline.modeling.tuning.search.give_up_hopeless`.

    Raises
    ------
    DataError
        If a fold would lack customers of one kind.
    ParameterError
        If there is no such candidate or setting, or it cannot be fitted with its settings.
    """
    train = train.iloc[first_customers(churned(train, contract), tuning["max_customers"])]
    inputs, target = train[list(contract.model_inputs)], churned(train, contract)
    numbers = customer_numbers(train, contract)
    check_folds(target, tuning["folds"], "tuning.folds", numbers)
    ingredients = _ingredients(inputs, target, contract, tuning)
    if numbers is not None:
        ingredients["customers"] = numbers.tobytes()
    studies = []
    for name, settings in candidates.items():
        check_settings(name, settings or {})
        studies.append(
            CandidateStudy(
                name,
                parse_search_space(name, settings),
                contract,
                folds=tuning["folds"],
                seed=tuning["seed"],
                budget=Budget(
                    tuning["trials"],
                    tuning["patience"],
                    tuning["minimum_improvement"],
                    tuning["max_seconds"],
                ),
                journal=journal,
                journal_name=study_name(name, ingredients | _own_ingredients(name, settings)),
            )
        )
    workers = tuning["workers"] or min(cpu_count(), len(studies))
    tune(
        studies,
        inputs,
        target,
        folds=tuning["folds"],
        seed=tuning["seed"],
        workers=workers,
        customer_numbers=numbers,
    )
    tuned = {
        study.name: {**study.space.fixed, **study.best().params}
        for study in studies
        if not study.is_given_up
    }
    return tabulate(studies), tuned


def _ingredients(
    inputs: pd.DataFrame, churned: NDArray[np.int8], contract: Contract, tuning: dict[str, Any]
) -> dict[str, str | bytes]:
    """Return all that the trials of any study depend on."""
    source = Path(churn_pipeline.__file__).parents[1]
    code = files_behind(["churn_pipeline.modeling.tuning.search"], source)
    return {
        "inputs": pd.util.hash_pandas_object(inputs, index=False).to_numpy().tobytes(),
        "churned": churned.tobytes(),
        "columns": repr([(name, contract.columns.get(name)) for name in contract.model_inputs]),
        "resampling": f"{tuning['folds']} folds, seed {tuning['seed']}",
        **{path.relative_to(source).as_posix(): path.read_bytes() for path in sorted(code)},
    }


def _own_ingredients(name: str, settings: Any) -> dict[str, str | bytes]:
    """Return what else the trials of one candidate depend on."""
    names = (*_LIBRARIES, *libraries([name]))
    versions = ", ".join(f"{library} {_version(library)}" for library in names)
    return {"versions": versions, "settings": json.dumps(settings)}


def _version(library: str) -> str:
    return import_module(library).__version__

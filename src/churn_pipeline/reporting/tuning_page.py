"""A page with what tuning tried: every candidate's trials, and what each setting did."""

from dataclasses import dataclass
from typing import Any

import optuna
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState, create_trial

from churn_pipeline.modeling.tuning.search_space import parse_search_space
from churn_pipeline.reporting import tuning_figures
from churn_pipeline.reporting.embedding import css_size, data_uri, png
from churn_pipeline.reporting.templates import html_templates

_FEW = 4  # completed trials, below which importances say nothing


@dataclass(frozen=True)
class _Picture:
    address: Markup
    width: int
    height: int
    words: str


@dataclass(frozen=True)
class _Candidate:
    name: str
    log_loss: float
    settings: dict[str, Any]
    trials: int
    pruned: int
    pictures: list[_Picture]


def render_tuning_page(trials: pd.DataFrame, candidates: dict[str, Any]) -> str:
    """Render the history of every study, and the log loss against each setting's values.

    Parameters
    ----------
    trials : DataFrame
        As :func:`churn_pipeline.modeling.tuning.search.tabulate` returns it.
    candidates : dict
        The section of ``params.yaml``.

    Returns
    -------
    str
        One page that needs no other file and runs no script.
    """
    shown = [
        _describe(_to_study(str(name), part, candidates[str(name)]))
        for name, part in trials.groupby("candidate", sort=False)
    ]
    return html_templates().get_template("tuning_page.html.j2").render(candidates=shown)


def _describe(study: optuna.Study) -> _Candidate:
    name, trials = study.study_name, study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    pictures = [_picture(tuning_figures.history(trials), f"Log loss of each trial of {name}")]
    searched = complete[0].distributions
    if len(complete) >= _FEW:
        shares = _importances(study) if len(searched) > 1 else {}
        for key in sorted(searched, key=lambda key: (-shares.get(key, 0.0), key)):
            drawn = tuning_figures.setting(key, searched[key], complete, shares.get(key))
            pictures.append(_picture(drawn, f"Log loss against {key} of {name}"))
    return _Candidate(
        name=name,
        log_loss=study.best_value,
        settings=study.best_params,
        trials=len(trials),
        pruned=len(trials) - len(complete),
        pictures=pictures,
    )


def _importances(study: optuna.Study) -> dict[str, float]:
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def _picture(figure: Figure, words: str) -> _Picture:
    drawn = png(figure)
    return _Picture(Markup(data_uri(drawn)), *css_size(drawn), words)


def _read(distribution: BaseDistribution, cell: Any) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return next(choice for choice in distribution.choices if _spelled(choice) == _spelled(cell))
    return distribution.to_external_repr(distribution.to_internal_repr(cell))


def _spelled(value: Any) -> str:
    """Spell a choice as its cell, which reading may have made 1.0 of 1 and NaN of None."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value)
    try:
        return f"{float(value):.9g}"
    except ValueError:
        return str(value)


def _to_study(name: str, trials: pd.DataFrame, settings: dict[str, Any] | None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    searched = parse_search_space(name, settings).searched
    study = optuna.create_study(direction="minimize", study_name=name)
    for line in trials.to_dict("records"):
        params = {
            key: _read(distribution, line[f"params_{key}"])
            for key, distribution in searched.items()
        }
        state = TrialState[line["state"].upper()]
        study.add_trial(
            create_trial(
                state=state,
                value=line["log_loss"] if state == TrialState.COMPLETE else None,
                params=params,
                distributions=dict(searched),
                intermediate_values={int(line["folds"]): line["log_loss"]},
            )
        )
    return study

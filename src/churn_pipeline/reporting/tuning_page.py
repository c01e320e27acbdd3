"""A page with Optuna's own plots of every study."""

from typing import Any

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import TrialState, create_trial
from optuna.visualization import (
    plot_optimization_history,
    plot_parallel_coordinate,
    plot_param_importances,
)
from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

from churn_pipeline.modeling.search_space import parse_search_space
from churn_pipeline.reporting.templates import html_templates

_FEW = 4  # completed trials, below which importances say nothing


def render_tuning_page(trials: pd.DataFrame, candidates: dict[str, Any]) -> str:
    """Render the history, the parameter importances and the parallel coordinates of every study.

    Parameters
    ----------
    trials : DataFrame
        As :func:`churn_pipeline.modeling.tuning.tabulate` returns it.
    candidates : dict
        The section of ``params.yaml``.

    Returns
    -------
    str
        One page that needs nothing else, plotly's script included.
    """
    studies = {
        str(name): _to_study(str(name), part, candidates[str(name)])
        for name, part in trials.groupby("candidate", sort=False)
    }
    sections = {name: _figures(study) for name, study in studies.items()}
    template = html_templates().get_template("tuning_page.html.j2")
    return template.render(
        plotly=get_plotlyjs(),
        contents={name: name for name in sections},
        sections={
            name: [
                figure.to_html(full_html=False, include_plotlyjs=False, div_id=f"{name}-{number}")
                for number, figure in enumerate(figures)
            ]
            for name, figures in sections.items()
        },
        best={
            name: {"value": study.best_value, "params": study.best_params}
            for name, study in studies.items()
        },
    )


def _figures(study: optuna.Study) -> list[Figure]:
    figures = [plot_optimization_history(study, target_name="log loss")]
    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    searched = complete[0].distributions
    if len(complete) >= _FEW and len(searched) > 1:
        figures.append(
            plot_param_importances(
                study, evaluator=PedAnovaImportanceEvaluator(), target_name="log loss"
            )
        )
        figures.append(plot_parallel_coordinate(study, target_name="log loss"))
    for figure in figures:
        figure.update_layout(title_x=0, margin={"l": 60, "r": 30}, template="plotly_white")
    return figures


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

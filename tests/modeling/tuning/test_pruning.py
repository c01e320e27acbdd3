from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState

from churn_pipeline.modeling.tuning.pruning import FoldPruner

EASY_FIRST = [[0.30, 0.40, 0.50], [0.31, 0.41, 0.51], [0.32, 0.42, 0.52]]  # running means


def study_of(finished: list[list[float]]) -> optuna.Study:
    study = optuna.create_study(direction="minimize", pruner=FoldPruner(34, 3))
    for values in finished:
        trial = study.ask()
        for step, value in enumerate(values, start=1):
            trial.report(value, step)
        study.tell(trial, values[-1])
    return study


@pytest.mark.parametrize(
    ("values", "fold"),
    [([0.29, 0.39, 0.49], None), ([0.33], 1), ([0.30, 0.43], 2), ([0.30, 0.40, 0.53], 3)],
)
def test_a_trial_goes_on_as_long_as_it_is_among_the_best_on_the_same_folds(
    values: list[float], fold: int | None
) -> None:
    trial = study_of(EASY_FIRST).ask()
    for step, value in enumerate(values, start=1):
        trial.report(value, step)
        assert trial.should_prune() == (step == fold)


def test_nothing_is_pruned_before_enough_trials_are_complete() -> None:
    study = study_of(EASY_FIRST[:2])
    pruned = study.ask()
    study.tell(pruned, state=TrialState.PRUNED)
    trial = study.ask()
    assert not trial.should_prune()
    trial.report(9.0, 1)
    assert not trial.should_prune()

"""Pruning of trials by the folds of a cross-validation."""

import numpy as np
from optuna import Study
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState


class FoldPruner(BasePruner):
    """Prune a trial whose mean over its folds so far is worse than most others' over the same.

    Optuna's percentile pruner compares the lowest mean that a trial ever had, so that after an easy
    first fold it prunes hardly anything.

    Parameters
    ----------
    kept_percentile : float
        A trial goes on if it is among this lowest part of the complete trials, in percent.
    startup_trials : int
        Complete trials before any is pruned.
    """

    def __init__(self, kept_percentile: float, startup_trials: int) -> None:
        self._kept_percentile = kept_percentile
        self._startup_trials = startup_trials

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Judge the value that the trial reported last."""
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        step = trial.last_step
        if step is None or len(complete) < self._startup_trials:
            return False
        others = [other.intermediate_values[step] for other in complete]
        limit = np.percentile(others, self._kept_percentile)
        return bool(trial.intermediate_values[step] > limit)

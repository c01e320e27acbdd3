"""Tuning of the candidates by Optuna: a study each, their fits in processes side by side."""

import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.tuning.fold_workers import fit_fold, fold_executor
from churn_pipeline.modeling.tuning.pruning import FoldPruner
from churn_pipeline.modeling.tuning.search_space import SearchSpace
from churn_pipeline.modeling.tuning.studies import FINISHED, StudyJournal
from churn_pipeline.splits.folds import stratified_splits

_RANDOM_TRIALS = 4  # before the sampler learns and the pruner has something to compare with
_KEPT_PERCENTILE = 33.0  # a trial goes on if its folds so far are among the best third


@dataclass(frozen=True)
class Budget:
    """When the tuning of a candidate ends: whichever comes first.

    Attributes
    ----------
    trials : int
        Settings to try at most.
    patience : int
        Trials in a row that do not improve the log loss by ``minimum_improvement``.
    minimum_improvement : float
    max_seconds : float or None
        Wall-clock time from the start; with it, results depend on the machine's speed.
    """

    trials: int
    patience: int
    minimum_improvement: float = 0.0
    max_seconds: float | None = None


HOPELESS = 1.3
"""A candidate is given up whose first trials are worse than the best candidate's by this factor."""


@dataclass
class CandidateStudy:
    """The study of one candidate: one trial at a time, one fold after the other.

    What a trial tries depends on the seed, its number and the finished trials alone, so that a
    study resumed from its journal goes on as if it had not been interrupted.
    """

    name: str
    space: SearchSpace
    contract: Contract
    folds: int
    seed: int
    budget: Budget
    journal: StudyJournal | None = None
    journal_name: str = ""
    study: optuna.Study = field(init=False)
    trial: Trial | None = field(init=False, default=None)
    losses: list[float] = field(init=False, default_factory=list)
    is_given_up: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner = FoldPruner(_KEPT_PERCENTILE, _RANDOM_TRIALS)
        self.study = optuna.create_study(direction="minimize", pruner=pruner)
        self._started = time.monotonic()
        if self.journal is not None:
            for trial in self.journal.finished_trials(self.journal_name):
                if not self._is_over():  # the journal may come from a larger budget
                    self.study.add_trial(trial)

    def next_fit(self) -> tuple[Pipeline, int] | None:
        """Return the candidate and the fold to fit it on next; None when the budget is spent."""
        if self.trial is None:
            if self._is_over():
                return None
            self.trial = self._ask()
            self.losses = []
        settings = {**self.space.fixed, **self.trial.params}
        candidate = build_candidate(self.name, settings, self.contract, self.seed)
        return candidate, len(self.losses)

    def tell(self, loss: float) -> bool:
        """Take the log loss of the fit; return whether it ended the trial."""
        assert self.trial is not None
        self.losses.append(loss)
        mean = float(np.mean(self.losses))
        self.trial.report(mean, step=len(self.losses))
        if len(self.losses) == self.folds:
            finished = self.study.tell(self.trial, mean)
        elif self.trial.should_prune():
            finished = self.study.tell(self.trial, state=TrialState.PRUNED)
        else:
            return False
        self.trial = None
        if self.journal is not None:
            self.journal.append(self.journal_name, finished)
        return True

    def best(self) -> FrozenTrial:
        """Return the best finished trial."""
        return self.study.best_trial

    @property
    def has_started(self) -> bool:
        """Whether the trials that it starts with are finished, or the budget is."""
        return self.trial is None and (
            len(self.trials()) >= len(self.space.starts) or self._is_over()
        )

    def first_loss(self) -> float:
        """Return the lowest log loss of the trials that it starts with."""
        first = self.trials()[: len(self.space.starts)]
        return min(trial.value for trial in first if trial.value is not None)

    def trials(self) -> list[FrozenTrial]:
        """Return the finished trials, in order."""
        return self.study.get_trials(deepcopy=False, states=FINISHED)

    def _ask(self) -> Trial:
        number = len(self.study.trials)
        if number < len(self.space.starts):
            self.study.enqueue_trial(dict(self.space.starts[number]))
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        self.study.sampler = TPESampler(seed=seed, n_startup_trials=_RANDOM_TRIALS)
        return self.study.ask(dict(self.space.searched))

    def _is_over(self) -> bool:
        if self.is_given_up:
            return True
        trials, budget = self.trials(), self.budget
        if len(trials) >= (budget.trials if self.space.searched else 1):
            return True
        seconds = time.monotonic() - self._started
        if trials and budget.max_seconds is not None and seconds >= budget.max_seconds:
            return True
        return trials_without_improvement(trials, budget.minimum_improvement) >= budget.patience


def trials_without_improvement(trials: Sequence[FrozenTrial], minimum_improvement: float) -> int:
    """Count the trials since the last that improved the log loss by ``minimum_improvement``."""
    best, since = np.inf, 0
    for trial in trials:
        value = trial.value if trial.state == TrialState.COMPLETE else None
        if value is not None and value < best - minimum_improvement:
            best, since = value, 0
        else:
            since += 1
    return since


def tune(
    studies: Sequence[CandidateStudy],
    inputs: pd.DataFrame,
    churned: NDArray[np.int8],
    *,
    folds: int,
    seed: int,
    workers: int,
    customer_numbers: NDArray[np.int64] | None = None,
) -> None:
    """Run the studies until each has spent its budget.

    Parameters
    ----------
    studies : sequence of CandidateStudy
        They hold the results.
    inputs : DataFrame, (n, n_inputs)
    churned : ndarray of 0 and 1, (n,)
    folds, seed : int
        Of the stratified cross-validation that every trial is measured by.
    workers : int
        Processes; each fit takes one thread. The results do not depend on it.
    customer_numbers : ndarray of int, (n,), optional
        See :func:`churn_pipeline.splits.folds.stratified_splits`.
    """
    splits = stratified_splits(churned, customer_numbers, folds=folds, seed=seed)
    with (
        fold_executor(
            workers, inputs, churned, splits, [study.name for study in studies]
        ) as executor,
        tqdm(unit="fit", disable=None, leave=False) as progress,
    ):
        running: dict[Future[float], CandidateStudy] = {}
        # all start before any goes on, so that what is given up does not depend on their speed
        for is_over in (lambda study: study.has_started, lambda study: False):
            waiting = [study for study in studies if not is_over(study)]
            while waiting or running:
                for study in waiting:
                    if (fit := study.next_fit()) is not None:
                        running[executor.submit(fit_fold, study.name, *fit)] = study
                waiting = []
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    study = running.pop(future)
                    progress.update()
                    if study.tell(future.result()):
                        progress.set_description(_describe(studies))  # shows the count as well
                    if not is_over(study):
                        waiting.append(study)
            give_up_hopeless(studies)


def give_up_hopeless(studies: Sequence[CandidateStudy]) -> None:
    """End the studies that started much worse than the best: their trials are better spent."""
    best = min(study.first_loss() for study in studies)
    for study in studies:
        study.is_given_up = study.first_loss() > HOPELESS * best


def _describe(studies: Sequence[CandidateStudy]) -> str:
    finished = sum(len(study.trials()) for study in studies)
    best = [
        (study.best().value, study.name)
        for study in studies
        if any(trial.state == TrialState.COMPLETE for trial in study.trials())
    ]
    text = f"tuning, {finished} trials"
    return f"{text}, best {min(best)[0]:.4f} ({min(best)[1]})" if best else text


def tabulate(studies: Sequence[CandidateStudy]) -> pd.DataFrame:
    """List all finished trials.

    Returns
    -------
    DataFrame
        ``candidate``, ``trial``, ``state`` (``complete`` or ``pruned``), ``log_loss`` (mean over
        the folds that were fitted), ``folds`` (how many), and ``params_<setting>`` for every
        setting that any candidate searched, NaN where it does not apply.
    """
    lines = [
        {
            "candidate": study.name,
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "log_loss": trial.intermediate_values[trial.last_step or 0],
            "folds": trial.last_step,
            **{f"params_{key}": value for key, value in sorted(trial.params.items())},
        }
        for study in studies
        for trial in study.trials()
    ]
    return pd.DataFrame(lines)

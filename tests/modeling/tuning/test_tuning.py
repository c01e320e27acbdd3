from __future__ import annotations

import io
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState, create_trial
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.errors import ParameterError
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.tuning.search import (
    HOPELESS,
    Budget,
    CandidateStudy,
    tabulate,
    trials_without_improvement,
    tune,
)
from churn_pipeline.modeling.tuning.search_space import parse_search_space
from churn_pipeline.modeling.tuning.studies import StudyJournal

FOLDS = 3
SPACES: dict[str, dict[str, Any]] = {
    "logistic_regression": {
        "C": {"low": 1e-5, "high": 10.0, "log": True, "default": 1.0},
        "knots": {"low": 0, "high": 2},
    },
    "random_forest": {
        "n_estimators": 3,
        "min_samples_leaf": {"low": 2, "high": 60, "default": 20},
    },
}


def small_contract() -> Contract:
    columns: dict[str, Any] = {
        "key": {"type": "text", "role": "id"},
        "left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y"},
        "fee": {"type": "number", "nullable": True},
        "age": {"type": "number"},
        "plan": {"type": "category", "values": ["a", "b", "c"]},
    }
    columns = {name: column | {"meaning": "m"} for name, column in columns.items()}
    return parse_contract({"name": "small", "columns": columns})


def small_data() -> tuple[pd.DataFrame, NDArray[np.int8]]:
    generator = np.random.default_rng(4)
    inputs = pd.DataFrame(
        {
            "fee": np.where(np.arange(180) % 9, generator.normal(size=180), np.nan),
            "age": generator.normal(size=180),
            "plan": generator.choice(["a", "b", "c"], 180),
        }
    )
    chance = 1 / (1 + np.exp(1 - 2 * inputs["age"] - 1.5 * (inputs["plan"] == "a")))
    return inputs, (generator.random(180) < chance).to_numpy().astype(np.int8)


def study(
    name: str = "logistic_regression",
    settings: dict[str, Any] | None = None,
    *,
    trials: int = 7,
    seed: int = 5,
    journal: StudyJournal | None = None,
    **budget: Any,
) -> CandidateStudy:
    return CandidateStudy(
        name,
        parse_search_space(name, SPACES[name] if settings is None else settings),
        small_contract(),
        folds=FOLDS,
        seed=seed,
        budget=Budget(trials, budget.pop("patience", trials), **budget),
        journal=journal,
        journal_name=name,
    )


def both(journal: StudyJournal | None = None, trials: int = 7) -> list[CandidateStudy]:
    return [study(name, journal=journal, trials=trials) for name in SPACES]


def run(*studies: CandidateStudy, workers: int = 1) -> pd.DataFrame:
    tune(studies, *small_data(), folds=FOLDS, seed=2, workers=workers)
    return tabulate(studies)


def assert_same(one: pd.DataFrame, two: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.fixture(scope="module")
def uninterrupted() -> pd.DataFrame:
    return run(*both())


def test_a_candidate_far_behind_after_its_first_trials_is_given_up() -> None:
    hopeless = study("random_forest", {"n_estimators": 1, "min_samples_leaf": {
        "low": 1, "high": 1000, "default": [900, 1000]}})  # fmt: skip
    good = study("logistic_regression", {"C": {"low": 0.1, "high": 10.0, "default": 1.0}})
    table = run(good, hopeless)
    assert hopeless.first_loss() > HOPELESS * good.first_loss()
    assert table["candidate"].value_counts().to_dict() == {
        "logistic_regression": 7,
        "random_forest": 2,
    }


def test_who_is_given_up_does_not_depend_on_the_workers() -> None:
    spaces = {"C": {"low": 1e-5, "high": 1.0, "default": [1e-5, 1e-4]}}

    def tried(workers: int) -> pd.DataFrame:
        studies = [study(settings=spaces), *both()]
        return run(*studies, workers=workers)

    assert_same(tried(1), tried(2))


def test_one_line_a_trial_the_defaults_first(uninterrupted: pd.DataFrame) -> None:
    assert list(uninterrupted.columns[:5]) == ["candidate", "trial", "state", "log_loss", "folds"]
    for name, lines in uninterrupted.groupby("candidate"):
        assert lines["trial"].tolist() == list(range(7)), name
    first = uninterrupted[uninterrupted["trial"] == 0].set_index("candidate")
    assert first.loc["logistic_regression", "params_C"] == 1.0
    assert first.loc["random_forest", "params_min_samples_leaf"] == 20
    assert first["params_C"].isna()["random_forest"]
    assert "params_n_estimators" not in uninterrupted  # it is fixed
    complete = uninterrupted["state"] == "complete"
    assert (uninterrupted.loc[complete, "folds"] == FOLDS).all()


def test_a_trial_is_the_mean_log_loss_of_the_folds_as_scikit_learn_measures_it() -> None:
    one = study(trials=3)
    run(one)
    inputs, churned = small_data()
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=2)
    for trial in one.trials():
        candidate = build_candidate("logistic_regression", trial.params, small_contract(), 5)
        p = cross_val_predict(candidate, inputs, churned, cv=splitter, method="predict_proba")
        losses = [log_loss(churned[part], p[part]) for _, part in splitter.split(inputs, churned)]
        assert trial.value == pytest.approx(np.mean(losses), rel=1e-9)


def test_the_best_trial_has_the_lowest_log_loss(uninterrupted: pd.DataFrame) -> None:
    one = study()
    lines = run(one)
    assert_same(lines[["trial", "log_loss"]], uninterrupted.loc[:6, ["trial", "log_loss"]])
    complete = lines[lines["state"] == "complete"]
    assert one.best().value == complete["log_loss"].min()
    assert one.best().number == complete["log_loss"].idxmin()


def test_a_study_does_not_depend_on_what_is_tuned_beside_it(uninterrupted: pd.DataFrame) -> None:
    alone = run(study("random_forest"))
    beside = uninterrupted[uninterrupted["candidate"] == "random_forest"].reset_index(drop=True)
    assert_same(alone, beside[alone.columns].astype(alone.dtypes))  # int64 without gaps


def test_another_seed_tries_other_settings(uninterrupted: pd.DataFrame) -> None:
    other = run(study(seed=6))
    assert (other["params_C"] != uninterrupted["params_C"][:7])[1:].all()


class KilledJournal(StudyJournal):
    """Keeps a few trials, and dies in the middle of writing another."""

    def __init__(self, path: Path, left: int) -> None:
        super().__init__(path)
        self.path, self.left = path, left

    def append(self, name: str, trial: FrozenTrial) -> None:
        if self.left == 0:
            with self.path.open("ab") as file:
                file.write(b'{"op_code": 4, "worker_id"')
            pids = [str(child.pid) for child in multiprocessing.active_children()]
            self.path.with_suffix(".pids").write_text(" ".join(pids))
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        super().append(name, trial)


def tune_until_killed(path: Path, workers: int) -> None:
    run(*both(KilledJournal(path, left=6)), workers=workers)


def is_running(pid: str) -> bool:
    done = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True)
    return done.stdout.strip()[:1] not in ("", "Z")


@pytest.mark.slow
@pytest.mark.parametrize(
    "workers",
    [pytest.param(1, marks=pytest.mark.full), 2],  # with two, there are orphans as well
)
def test_a_killed_run_goes_on_as_if_it_had_not_been_interrupted(
    workers: int, tmp_path: Path, uninterrupted: pd.DataFrame, fits: list[str]
) -> None:
    path = tmp_path / "studies.journal"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=tune_until_killed, args=(path, workers))
    process.start()
    process.join(600)
    assert process.exitcode == -signal.SIGKILL
    assert not path.read_bytes().endswith(b"\n")
    journal = StudyJournal(path)
    kept = [trial for name in SPACES for trial in journal.finished_trials(name)]
    assert len(kept) == 6

    resumed = run(*both(journal))
    assert_same(resumed, uninterrupted)
    # finished trials are not fitted again
    spared = sum(trial.last_step or 0 for trial in kept)
    assert len(fits) == uninterrupted["folds"].sum() - spared
    fits.clear()
    assert_same(run(*both(StudyJournal(path))), uninterrupted)
    assert fits == []

    orphans = path.with_suffix(".pids").read_text().split()
    assert len(orphans) == (workers if workers > 1 else 0)
    deadline = time.monotonic() + 60
    while any(map(is_running, orphans)):
        assert time.monotonic() < deadline, "the killed run left its workers behind"
        time.sleep(0.1)


@pytest.mark.slow
def test_two_workers_find_the_same(uninterrupted: pd.DataFrame) -> None:
    assert_same(run(*both(), workers=2), uninterrupted)


def test_a_journal_of_another_budget_changes_nothing(
    tmp_path: Path, uninterrupted: pd.DataFrame, fits: list[str]
) -> None:
    journal = StudyJournal(tmp_path / "studies.journal")
    few = run(*both(journal, trials=3))
    assert_same(run(*both(journal)), uninterrupted)
    fits.clear()
    assert_same(run(*both(journal, trials=3)), few)
    assert fits == []
    patient = study(patience=2, minimum_improvement=0.5)
    hasty = study(patience=2, minimum_improvement=0.5, journal=journal)
    assert_same(run(hasty), run(patient))


def finished(value: float | None) -> FrozenTrial:
    if value is None:
        return create_trial(state=TrialState.PRUNED, intermediate_values={1: 0.1})
    return create_trial(value=value)


@pytest.mark.parametrize(
    ("values", "minimum_improvement", "expected"),
    [
        ([], 0.0, 0),
        ([0.5], 0.0, 0),
        ([0.5, 0.4, 0.3], 0.0, 0),
        ([0.5, 0.5, 0.6], 0.0, 2),
        ([0.5, None, None, 0.4], 0.0, 0),
        ([0.5, 0.4, None, None], 0.0, 2),
        ([0.5, 0.45, 0.42], 0.1, 2),  # too little at a time …
        ([0.5, 0.45, 0.39], 0.1, 0),  # … but enough together
    ],
)
def test_trials_without_improvement_are_counted(
    values: list[float | None], minimum_improvement: float, expected: int
) -> None:
    assert trials_without_improvement(list(map(finished, values)), minimum_improvement) == expected


def test_patience_ends_a_study_that_does_not_improve() -> None:
    pointless = {"max_iter": {"low": 300, "high": 400}}  # all converge before
    assert len(run(study(settings=pointless, trials=20, patience=3))) == 1 + 3


def test_the_time_budget_ends_all_studies_after_a_trial_each() -> None:
    studies = [study(name, max_seconds=1e-9) for name in SPACES]
    assert run(*studies)["trial"].tolist() == [0, 0]
    assert len(run(study(max_seconds=3600.0))) == 7


@pytest.mark.parametrize("settings", [{}, {"C": 0.5, "knots": 1}])
def test_a_candidate_of_fixed_settings_gets_one_trial(settings: dict[str, Any]) -> None:
    one = study(settings=settings)
    lines = run(one)
    assert lines[["trial", "state", "folds"]].to_numpy().tolist() == [[0, "complete", FOLDS]]
    assert one.best().params == {}


def tell_trial(one: CandidateStudy, *losses: float) -> list[bool]:
    ended = []
    for loss in losses:
        assert one.next_fit() is not None
        ended.append(one.tell(loss))
    return ended


def test_a_hopeless_trial_ends_at_its_first_fold_and_a_good_one_goes_on() -> None:
    one = study(trials=9)
    for loss in (0.40, 0.41, 0.42, 0.43):  # nothing is pruned before there are some to compare
        assert tell_trial(one, loss, loss, loss) == [False, False, True]
    assert tell_trial(one, 0.9) == [True]
    assert tell_trial(one, 0.39, 0.39, 0.39) == [False, False, True]
    assert [trial.state.name for trial in one.trials()[4:]] == ["PRUNED", "COMPLETE"]
    assert one.best().number == 5


def test_pruning_spares_fits_and_never_the_best(fits: list[str]) -> None:
    one = study(trials=14)
    lines = run(one)
    pruned = lines[lines["state"] == "pruned"]
    assert len(pruned) > 0
    assert len(fits) == lines["folds"].sum() < 14 * FOLDS
    assert (pruned["log_loss"] > one.best().value).all()


def test_folds_of_a_trial_come_in_order() -> None:
    one = study()
    fit = one.next_fit()
    assert fit is not None
    assert fit[1] == 0
    assert not one.tell(0.5)
    fit = one.next_fit()
    assert fit is not None
    assert fit[1] == 1
    assert one.trials() == []  # the one at work is not finished


def test_settings_that_cannot_be_fitted_are_one_sentence() -> None:
    with pytest.raises(ParameterError, match=r"^candidate random_forest cannot be fitted: "):
        run(study("random_forest", {"n_estimators": -1}))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(study(trials=2))
    assert capsys.readouterr() == ("", "")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    one = study(trials=2)
    run(one)
    best = f"tuning, 2 trials, best {one.best().value:.4f} (logistic_regression)"
    assert best in terminal.getvalue()
    assert re.search(r"[1-9]fit", terminal.getvalue())

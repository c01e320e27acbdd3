from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from churn_pipeline.modeling.tuning import studies
from churn_pipeline.modeling.tuning.studies import StudyJournal, study_name

RATE = FloatDistribution(1e-3, 1.0, log=True)
KIND = CategoricalDistribution(["a", None, 2])


def trial(number: int, state: TrialState = TrialState.COMPLETE) -> FrozenTrial:
    rate = 0.1 + 0.2 / (number + 3)  # not to be written in a few digits
    made = create_trial(
        state=state,
        value=rate / 3,
        params={"rate": rate, "kind": KIND.choices[number % 3]},
        distributions={"rate": RATE, "kind": KIND},
        intermediate_values={1: rate / 7},
    )
    made.number = number
    return made


def facts(trials: list[FrozenTrial]) -> list[tuple[object, ...]]:
    return [(t.number, t.state, t.value, t.params, t.intermediate_values) for t in trials]


def test_finished_trials_come_back_exactly_and_by_study(tmp_path: Path) -> None:
    path = tmp_path / "new" / "studies.journal"
    journal = StudyJournal(path)
    given = [trial(0), trial(1, TrialState.PRUNED), trial(2)]
    for one in given:
        journal.append("mine", one)
    journal.append("other", trial(0))
    again = StudyJournal(path)
    assert facts(again.finished_trials("mine")) == facts(given)
    assert len(again.finished_trials("other")) == 1
    assert again.finished_trials("third") == []


def test_the_file_only_grows_and_reading_adds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "studies.journal"
    journal, contents = StudyJournal(path), []
    for number in range(3):
        journal.append("mine", trial(number))
        contents.append(path.read_bytes())
    for before, after in pairwise(contents):
        assert after.startswith(before)
        assert after.count(b"\n") == before.count(b"\n") + 1
    journal.finished_trials("mine")
    assert path.read_bytes() == contents[-1]


@pytest.mark.parametrize(
    "rest",
    [
        b'{"op_code": 4, "worker_id": "ab',
        b'{"op_code": 4, "worker_id": "ab\n',
        b"\0\0\0\0\n",
        b"\0\0\0\0",
        b'{"half": \n{"op_code": 4}\n',
        b"\xff\xfe\n",
    ],
)
def test_what_a_kill_left_unfinished_is_ignored(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "studies.journal"
    journal = StudyJournal(path)
    journal.append("mine", trial(0))
    whole = path.read_bytes()
    path.write_bytes(whole + rest)
    resumed = StudyJournal(path)
    assert path.read_bytes() == whole
    assert facts(resumed.finished_trials("mine")) == facts([trial(0)])
    resumed.append("mine", trial(1))
    assert facts(StudyJournal(path).finished_trials("mine")) == facts([trial(0), trial(1)])


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_trial_that_was_half_written_is_lost_and_no_other(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "studies.journal"
    journal = StudyJournal(path)
    for number in range(3):
        journal.append("mine", trial(number))
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(StudyJournal(path).finished_trials("mine")) == 2


def test_two_runs_at_once_keep_a_trial_once(tmp_path: Path) -> None:
    one, two = (StudyJournal(tmp_path / "studies.journal") for _ in range(2))
    for number in range(2):
        one.append("mine", trial(number))
        two.append("mine", trial(number))
    assert facts(one.finished_trials("mine")) == facts([trial(0), trial(1)])


def test_a_line_that_another_run_is_writing_is_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "studies.journal"
    journal = StudyJournal(path)
    for number in range(2):
        journal.append("mine", trial(number))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    lock = path.with_name("studies.journal.lock")
    lock.touch()

    def finish() -> None:
        with path.open("ab") as file:
            file.write(whole[-9:])
        lock.unlink()

    writer = threading.Timer(0.5, finish)
    writer.start()
    beside = StudyJournal(path)
    writer.join()
    assert len(beside.finished_trials("mine")) == 2
    assert path.read_bytes().startswith(whole)


def test_a_lock_that_a_killed_run_left_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "_SECONDS_OF_A_WRITE", 1)
    path = tmp_path / "studies.journal"
    path.with_name("studies.journal.lock").touch()
    with pytest.warns(UserWarning, match="too small"):
        journal = StudyJournal(path)
    journal.append("mine", trial(0))
    assert len(journal.finished_trials("mine")) == 1
    assert not path.with_name("studies.journal.lock").exists()


def test_a_study_is_named_by_all_that_its_trials_depend_on() -> None:
    base: dict[str, str | bytes] = {"data": b"12", "seed": "7"}
    name = study_name("xgboost", base)
    assert name.startswith("xgboost-")
    assert study_name("xgboost", {"seed": "7", "data": b"12"}) == name
    others = [
        study_name("lightgbm", base),
        study_name("xgboost", {**base, "data": b"13"}),
        study_name("xgboost", {**base, "seed": "8"}),
        study_name("xgboost", {**base, "more": ""}),
        study_name("xgboost", {"data": b"12seed:1:7"}),
        study_name("xgboost", {"data": b"1", "seed": "27"}),
    ]
    assert len({name, *others}) == 7

"""Optuna studies that can be resumed: finished trials are kept in a journal file."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_SECONDS_OF_A_WRITE = 5


class StudyJournal:
    """The finished trials of any number of studies, each under the name that is asked for.

    A journal is written by appending, so a kill loses the trial at work and nothing else. It is no
    result: with it or without it, tuning ends in the same trials. A file that cannot be read to its
    end is cut off where it breaks.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # a lock that a killed run left is taken over after the time that no write takes
        lock = JournalFileOpenLock(str(path), grace_period=_SECONDS_OF_A_WRITE)
        if _is_broken(path):
            lock.acquire()  # it may be the line that another run is writing
            _cut_where_broken(path)
            lock.release()
        self._storage = JournalStorage(JournalFileBackend(str(path), lock))
        self._studies: dict[str, Study] = {}

    def finished_trials(self, name: str) -> list[FrozenTrial]:
        """Return the finished trials of a study, in order."""
        return self._study(name).get_trials(states=FINISHED)

    def append(self, name: str, trial: FrozenTrial) -> None:
        """Keep a finished trial, unless another run at work has kept it already."""
        if len(self.finished_trials(name)) == trial.number:
            self._study(name).add_trial(trial)

    def _study(self, name: str) -> Study:
        if name not in self._studies:  # asking for it would write a line each time
            self._studies[name] = optuna.create_study(
                storage=self._storage, study_name=name, direction="minimize", load_if_exists=True
            )
        return self._studies[name]


def study_name(candidate: str, ingredients: Mapping[str, str | bytes]) -> str:
    """Name a study by everything its trials depend on, so that none is resumed with another's.

    Parameters
    ----------
    candidate : str
    ingredients : mapping of str to str or bytes
        Data, settings, seeds, code and versions, in any order.
    """
    digest = hashlib.sha256()
    for key in sorted(ingredients):
        value = ingredients[key]
        content = value.encode() if isinstance(value, str) else value
        digest.update(f"{key}:{len(content)}:".encode() + content)
    return f"{candidate}-{digest.hexdigest()[:16]}"


def _is_broken(path: Path) -> bool:
    return path.exists() and _whole_bytes(path) < path.stat().st_size


def _cut_where_broken(path: Path) -> None:
    """Cut off what a kill or a full disk left unfinished; another line would be glued to it."""
    os.truncate(path, _whole_bytes(path))


def _whole_bytes(path: Path) -> int:
    whole = 0
    with path.open("rb") as file:
        for line in file:
            if not (line.endswith(b"\n") and _is_json(line)):
                break
            whole += len(line)
    return whole


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True

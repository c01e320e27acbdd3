"""Optuna studies that can be resumed: finished trials are kept in a journal file."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_SECONDS_OF_A_WRITE = 5


class StudyJournal:
    """The finished trials of any number of studies, each under the name that is asked for.

    A journal is written by appending, so a kill loses the trial at work and nothing else. It is no
    result: with it or without it, tuning ends in the same trials.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_broken_line(path)
        # a lock that a killed run left is taken over after the time that no write takes
        lock = JournalFileOpenLock(str(path), grace_period=_SECONDS_OF_A_WRITE)
        self._storage = JournalStorage(JournalFileBackend(str(path), lock))

    def finished_trials(self, name: str) -> list[FrozenTrial]:
        """Return the finished trials of a study, in order."""
        return self._study(name).get_trials(states=_FINISHED)

    def append(self, name: str, trial: FrozenTrial) -> None:
        """Keep a finished trial."""
        self._study(name).add_trial(trial)

    def _study(self, name: str) -> Study:
        return optuna.create_study(
            storage=self._storage, study_name=name, direction="minimize", load_if_exists=True
        )


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


def _drop_broken_line(path: Path) -> None:
    """Cut off a last line that a killed run left unfinished; another line would be glued to it."""
    if not path.exists():
        return
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)

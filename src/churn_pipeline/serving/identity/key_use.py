"""When each API key was last used, over all workers and restarts."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from churn_pipeline.serving.identity.key_file import write_private
from churn_pipeline.staging import exclusive

_LOGGER = logging.getLogger(__name__)
_Uses = dict[str, str]
_DECODER = msgspec.json.Decoder(_Uses)


class KeyUse:
    """The file of the last uses, to the minute.

    All workers write it, each what it has seen; the later minute stays.

    Parameters
    ----------
    path : Path
        Created with its folder when the first key is used.
    now : callable
        The time in UTC.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now
        self._noted: _Uses = {}
        self._is_failing = False

    def note(self, key_ids: Iterable[str]) -> None:
        """Write that the keys have been used just now; to be called in a thread.

        It never fails: what cannot be written is logged once, and written with what comes later.
        """
        minute = self._now().strftime("%Y-%m-%dT%H:%MZ")
        new = {key: minute for key in key_ids if self._noted.get(key) != minute}
        if not new and not self._is_failing:
            return
        self._noted.update(new)
        try:
            self._write()
        except OSError as error:
            if not self._is_failing:
                _LOGGER.error(
                    "%s cannot be written (%s): `api-key list` shows older uses of the keys",
                    self._path,
                    error.strerror,
                )
            self._is_failing = True
        else:
            self._is_failing = False

    def _write(self) -> None:
        with exclusive(self._path):
            uses = dict(read_uses(self._path) or {})
            for key, minute in self._noted.items():
                uses[key] = max(minute, uses.get(key, ""))
            write_private(self._path, dict(sorted(uses.items())))


def read_uses(path: Path) -> Mapping[str, str] | None:
    """Return the minute of the last use by key id; None if there is no such record."""
    try:
        return _DECODER.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None

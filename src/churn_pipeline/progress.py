"""How far a long step is: a bar on a terminal, elsewhere a line now and then."""

import logging
import sys
import time
from types import TracebackType
from typing import Any, Self

_SECONDS_BETWEEN_LINES = 10.0

logger = logging.getLogger(__name__)


class Progress:
    """Counts what is done of a step; used as a context.

    Parameters
    ----------
    verb : str
        What is done to each, such as ``checked``.
    total : int or None
        How many there are, as far as that is known.
    unit : str
    is_about : bool
        Whether ``total`` is an estimate.
    """

    def __init__(
        self, verb: str, total: int | None, unit: str = "rows", is_about: bool = False
    ) -> None:
        self._verb, self._total, self._unit, self._is_about = verb, total, unit, is_about
        self._done = self._skipped = 0
        self._started = self._last = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        self._started = self._last = time.monotonic()
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._total, desc=self._verb, unit=f" {self._unit}", unit_scale=True,
                leave=False,
            )  # fmt: skip
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def skip(self, n: int) -> None:
        """Count what an earlier run has done, which says nothing about the time left."""
        self._skipped += n
        self.advance(n)

    def advance(self, n: int) -> None:
        """Count what has been done since the last call."""
        self._done += n
        if self._bar is not None:
            self._bar.update(n)
            return
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            logger.info("  %s", self._line(now - self._started))

    def _line(self, seconds: float) -> str:
        done = f"{self._verb} {self._done:,}"
        if self._total is None or self._total < self._done:
            return f"{done} {self._unit}"
        left = self._total - self._done
        rate = (self._done - self._skipped) / seconds if seconds else 0.0
        ahead = f", {left / rate:,.0f} s left" if rate else ""
        about = "about " if self._is_about else ""
        return f"{done} of {about}{self._total:,} {self._unit}{ahead}"

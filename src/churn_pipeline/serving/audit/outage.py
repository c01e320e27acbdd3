"""A time in which answers cannot be written to the audit log: said at once, counted, and noted."""

import errno
import logging
import time

from churn_pipeline.serving.audit.records import event_record, event_time
from churn_pipeline.serving.settings import AuditFailure

_LOGGER = logging.getLogger("bentoml.churn")
_REMIND_SECONDS = 60.0


class AuditUnavailable(Exception):  # noqa: N818 - the answer is refused, the program has no fault
    """An answer cannot be audited and must not be sent."""


class Outage:
    """The present one, if there is one.

    Parameters
    ----------
    failure : {"refuse", "continue"}
        What becomes of the answers.

    Attributes
    ----------
    answers : int
        That had no line since it began.
    """

    def __init__(self, failure: AuditFailure) -> None:
        self._failure = failure
        self._since: float | None = None
        self._reminded = 0.0
        self.answers = 0

    @property
    def is_on(self) -> bool:
        """Whether the last line could not be written."""
        return self._since is not None

    def failed(self, error: OSError) -> None:
        """Log the first failure of a row, and once a minute that it lasts."""
        now = time.time()
        if self._since is None:
            self._since, self._reminded, self.answers = now, now, 0
            if error.errno == errno.EAGAIN:
                return  # the log goes to the standard output too, and would wait for its reader
            _LOGGER.error("the audit log cannot be written (%s)%s", error.strerror, self._meaning())
        elif now - self._reminded >= _REMIND_SECONDS and error.errno != errno.EAGAIN:
            self._reminded = now
            _LOGGER.error(
                "the audit log still cannot be written (%s); answers without a line so far: %d%s",
                error.strerror,
                self.answers,
                self._meaning(),
            )

    def record(self) -> bytes:
        """Return what the log shall say of it, as a JSON object."""
        assert self._since is not None
        gap = {"from": event_time(self._since), self._outcome: self.answers}
        return event_record("audit_gap", time.time(), gap)

    def over(self) -> None:
        """End it: the log has been written again."""
        self._since = None
        _LOGGER.warning(
            "the audit log is written again; answers %s meanwhile: %d", self._outcome, self.answers
        )

    @property
    def _outcome(self) -> str:
        return "refused" if self._failure == "refuse" else "lost"

    def _meaning(self) -> str:
        if self._failure == "refuse":
            return "; requests are refused (503) until it can"
        return "; answers are sent without a line (serving.audit_failure is continue)"

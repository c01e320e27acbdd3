"""Kedro's sessions: a run of a pipeline holds the lock of its data set."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from kedro.framework.session import KedroServiceSession, KedroSession

from churn_pipeline.locking.lock import hold
from churn_pipeline.locking.places import place


def guard_sessions() -> None:
    """Let every session of this process hold the lock while it runs a pipeline.

    The classes themselves are changed: a hook would come after the parameters have been read, and
    notebooks and plugins take no class of ours.
    """
    KedroSession.run = _guarded(KedroSession.run, lambda session: session.store.get("env"))
    KedroServiceSession.run = _guarded(KedroServiceSession.run, lambda session: session.env)


def _guarded(run: Callable[..., Any], environment: Callable[[Any], str | None]) -> Any:
    if hasattr(run, "__wrapped__"):  # settings may be read again
        return run

    @wraps(run)
    def guarded(session: Any, *args: Any, **kwargs: Any) -> Any:
        with hold([place(session._project_path, environment(session))]):
            return run(session, *args, **kwargs)

    return guarded

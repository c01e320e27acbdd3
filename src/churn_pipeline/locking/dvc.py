"""DVC's commands that write into the workspace hold the locks of the data sets they touch.

DVC removes the outputs of a stage before it starts the stage's ``kedro run``, and between two
stages nothing of ours runs: it is the process of DVC that must hold the locks. Its methods are
wrapped when they are imported (``churn_pipeline_dvc``), since DVC has no place for plugins.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import Any

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.locking.lock import hold
from churn_pipeline.locking.places import all_places, project_of_repository, touched_places

# by the class: the methods that write into the workspace
_METHODS = {
    "Repo": (
        *("add", "checkout", "commit", "destroy", "gc", "imp", "imp_db", "imp_url", "move"),
        *("pull", "remove", "reproduce", "run", "update"),
    ),
    # git's files of all data sets are moved; "new" stashes them for a moment
    "Experiments": ("apply", "new", "run", "save"),
}
_ELSEWHERE = ("tmp_dir", "queue", "run_all", "dry")  # arguments: works in folders of its own


def guard(module: Any) -> None:
    """Wrap the methods of the class that this module of DVC brings."""
    for class_name in _METHODS.keys() & vars(module).keys():
        kind = getattr(module, class_name)
        for name in _METHODS[class_name]:
            setattr(kind, name, _guarded(getattr(kind, name)))


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            if not any(kwargs.get(name) for name in _ELSEWHERE) or method.__name__ == "new":
                _hold(self, stack)
            return method(self, *args, **kwargs)

    return guarded


def _hold(of: Any, stack: ExitStack) -> None:
    from dvc.lock import LockError

    repo = getattr(of, "repo", of)
    if repo.fs.protocol != "local":
        return
    repository = Path(repo.root_dir).resolve()
    project = project_of_repository(repository)
    if project is None:
        return
    try:
        is_experiment = repo is not of
        places = all_places(project) if is_experiment else touched_places(project, repository)
        wait = repo._wait_for_lock or None
        stack.enter_context(hold(places, wait=wait, writes=False, option="dvc --wait-for-lock"))
    except ChurnPipelineError as error:
        raise LockError(str(error)) from None

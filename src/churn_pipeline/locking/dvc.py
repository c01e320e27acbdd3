"""DVC's commands that write into the workspace hold the locks of the data sets they touch.

DVC removes the outputs of a stage before it starts the stage's ``kedro run``, and between two
stages nothing of ours runs: it is the process of DVC that must hold the locks. Its methods are
wrapped when they are imported (``churn_pipeline_dvc``), since DVC has no place for plugins.
"""

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import Any

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.locking.lock import hold
from churn_pipeline.locking.places import project_of_repository, touched_places

_Arguments = dict[str, Any]
_Targets = Callable[[_Arguments], Sequence[str] | None]


def _none(_: _Arguments) -> Sequence[str]:
    """Everything."""
    return ()


def _targets(arguments: _Arguments) -> Sequence[str]:
    return _listed(arguments.get("targets") or arguments.get("target"))


def _reproduced(arguments: _Arguments) -> Sequence[str] | None:
    if arguments.get("dry"):
        return None
    if arguments.get("all_pipelines"):
        return ()
    return _targets(arguments) or ("dvc.yaml",)  # of the current folder, as DVC takes it


def _run_here(arguments: _Arguments) -> Sequence[str] | None:
    """Experiments in folders of their own touch the workspace when they are queued only."""
    elsewhere = ("tmp_dir", "queue", "run_all", "dry")
    return None if any(arguments.get(name) for name in elsewhere) else ()


# by the class: the methods, and what they are to work on; None means that they write nothing
_METHODS: dict[str, dict[str, _Targets]] = {
    "Repo": {
        "add": _targets,
        "checkout": _targets,
        "commit": _targets,
        "destroy": _none,
        "gc": _none,
        "imp": _none,
        "imp_db": _none,
        "imp_url": _none,
        "move": _none,
        "pull": _targets,
        "remove": _none,
        "reproduce": _reproduced,
        "run": _none,
        "update": _none,
    },
    "Experiments": {
        "apply": _none,
        "new": _none,  # stashes the workspace for a moment
        "run": _run_here,
        "save": _none,
    },
}


def guard(module: Any) -> None:
    """Wrap the methods of the class that this module of DVC brings."""
    for class_name in _METHODS.keys() & vars(module).keys():
        kind = getattr(module, class_name)
        for name, targets in _METHODS[class_name].items():
            setattr(kind, name, _guarded(getattr(kind, name), targets))


def _guarded(method: Callable[..., Any], targets: _Targets) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @wraps(method)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            _hold(getattr(self, "repo", self), targets(_named(signature, args, kwargs)), stack)
            return method(self, *args, **kwargs)

    return guarded


def _hold(repo: Any, targets: Sequence[str] | None, stack: ExitStack) -> None:
    from dvc.lock import LockError

    if targets is None or repo.fs.protocol != "local":
        return
    repository = Path(repo.root_dir).resolve()
    project = project_of_repository(repository)
    if project is None:
        return
    places = touched_places(project, repository, targets)
    wait = repo._wait_for_lock or None
    try:
        stack.enter_context(hold(places, wait=wait, writes=False, option="dvc --wait-for-lock"))
    except ChurnPipelineError as error:
        raise LockError(str(error)) from None


def _named(signature: inspect.Signature, args: Sequence[Any], kwargs: _Arguments) -> _Arguments:
    """Return the arguments by their names, those that a method only passes on too."""
    try:
        arguments = dict(signature.bind_partial(None, *args, **kwargs).arguments)
    except TypeError:  # the method itself will say so
        return {}
    return arguments | arguments.get("kwargs", {})


def _listed(targets: Any) -> Sequence[str]:
    if not targets:
        return ()
    return [str(targets)] if isinstance(targets, str | Path) else [str(item) for item in targets]

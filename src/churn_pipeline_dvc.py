"""Tells DVC of the locks of the data sets, and of MLflow, when something imports it.

Every Python process of the environment runs this at its start (``churn_pipeline_dvc.pth``), so
it imports nothing and only waits for two modules. DVC may be started as ``dvc``, as
``python -m dvc`` or by ``dvc.repo.Repo`` in a notebook; it has no place for plugins.
"""

import sys

_AWAITED = {"dvc.repo", "dvc.repo.experiments"}


class _Finder:
    """Finds these modules as Python would, and guards what they bring."""

    @staticmethod
    def find_spec(name, path=None, target=None):  # type: ignore[no-untyped-def]
        """Return the spec of a module that is awaited, else None."""
        if name not in _AWAITED:
            return None
        _AWAITED.discard(name)
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_guard(module):  # type: ignore[no-untyped-def]
            execute(module)
            from churn_pipeline.locking import dvc
            from churn_pipeline.tracking import notes

            notes.guard(module)  # first: what stages note is logged while the lock is held
            dvc.guard(module)

        spec.loader.exec_module = execute_and_guard  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Finder)

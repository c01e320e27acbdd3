"""Keeps Kedro from importing the plugins that the command at hand does not use.

Kedro imports every installed plugin before any command: kedro-mlflow alone brings MLflow, which
costs three seconds of CPU, in each of the processes that DVC starts for its stages. There is no
setting for that: ``DISABLE_HOOKS_FOR_PLUGINS`` imports them and then drops their hooks. So the
entry points named here, and no others, load something that costs nothing
(``docs/adr/0043``; ``tests/test_import_tax.py`` fails if Kedro loads them in another way).
"""

import os
from functools import wraps
from importlib.metadata import EntryPoint
from typing import Any

_HOOKS = {
    ("kedro.hooks", "mlflow_hook"),  # `tracking.run_log` calls them, see docs/adr/0027
    # telemetry is off (`churn_pipeline_startup`)
    ("kedro.hooks", "kedro-telemetry"),
    ("kedro.cli_hooks", "kedro-telemetry"),
}
# they write what `kedro viz` shows of a `kedro run`
_HOOKS_OF_A_RUN = {("kedro.hooks", "kedro-dataset-stats"), ("kedro.hooks", "pipeline-run-hook")}
_COMMANDS = {("kedro.project_commands", "kedro_mlflow"): "mlflow"}


class NoHooks:
    """A plugin without hooks."""


def load_plugins_on_use() -> None:
    """Replace what these entry points load; idempotent."""
    load = EntryPoint.load
    if hasattr(load, "__wrapped__"):
        return

    @wraps(load)
    def load_if_used(self: EntryPoint) -> Any:
        key = (self.group, self.name)
        if key in _HOOKS or (key in _HOOKS_OF_A_RUN and "DVC_STAGE" in os.environ):
            return NoHooks()
        if key in _COMMANDS:
            return _lazy_group(_COMMANDS[key], lambda: load(self))
        return load(self)

    EntryPoint.load = load_if_used  # type: ignore[method-assign]


def _lazy_group(name: str, load: Any) -> Any:
    """Return a group of one command, which is imported when it is called."""
    import click

    class LazyCommand(click.Command):
        def make_context(self, info_name: str | None, args: list[str], **rest: Any) -> Any:  # type: ignore[override]
            command = load().get_command(click.Context(self), name)
            return command.make_context(info_name, args, **rest)

    return click.Group(commands=[LazyCommand(name, help=f"Commands of the plugin {name}.")])

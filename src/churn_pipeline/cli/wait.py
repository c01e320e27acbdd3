"""The option ``--wait`` of the project's commands."""

import os
from typing import Any

import click

from churn_pipeline.locking.lock import WAIT


def _remember(_context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        os.environ[WAIT] = "1"


wait_parameter = click.Option(
    ["--wait"],
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help=f"Wait until another command on the same data set has finished ({WAIT}=1 always waits).",
)


def wait_option(command: Any) -> Any:
    """Give a command the option."""
    command.params.append(wait_parameter)
    return command

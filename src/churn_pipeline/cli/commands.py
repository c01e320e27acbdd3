"""What the project's commands have in common."""

from pathlib import Path

import click
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.commands import Command
from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.io.storage import storage_error

environment_option = click.option(
    "--env",
    "-e",
    envvar="KEDRO_ENV",
    metavar="NAME",
    help="Data set, a folder of conf/ (default: the built-in one).",
)


class ProjectCommand(Command):
    """A command of the project: what Kedro wraps around an error hides no sentence."""

    def sentence(self, error: Exception) -> str | None:
        """Return what to print of an error; None keeps its traceback."""
        for cause in _chain(error):
            if isinstance(cause, OSError):
                cause = storage_error(cause) or cause
            if isinstance(cause, ChurnPipelineError):
                return str(cause)
        return None


class ProjectGroup(click.Group):
    """A group of the project's commands."""

    command_class = ProjectCommand


def project_root(metadata: ProjectMetadata | None) -> Path:
    """Return the folder of the project that a command works on."""
    return Path(metadata.project_path) if metadata else Path.cwd()


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain

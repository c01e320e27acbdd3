"""Commands whose errors are one sentence each; without Kedro, as in the container, as well."""

from typing import Any

import click

from churn_pipeline.errors import ChurnPipelineError


class Command(click.Command):
    """A command that reports what the user can fix as one sentence, without a traceback."""

    def sentence(self, error: Exception) -> str | None:
        """Return what to print of an error; None keeps its traceback."""
        if isinstance(error, ChurnPipelineError):
            return str(error)
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            where = error.filename or "a file"
            return (
                f"{where} cannot be read or written ({error.strerror}); check its owner and "
                "permissions"
            )
        return None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            sentence = self.sentence(error)
            if sentence is None:
                raise
            raise click.ClickException(sentence) from None


class CommandGroup(click.Group):
    """A group of such commands."""

    command_class = Command

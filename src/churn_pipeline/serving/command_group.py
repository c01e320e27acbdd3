"""Commands of the service whose errors are one sentence; they run without Kedro as well."""

from typing import Any

import click

from churn_pipeline.errors import ChurnPipelineError


class _Command(click.Command):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ChurnPipelineError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(
                f"{error.filename or 'a file'} cannot be read or written ({error.strerror}); "
                "see who owns it"
            ) from None


class CommandGroup(click.Group):
    """A group of commands that tell the project's errors, and those of files, in one sentence."""

    command_class = _Command

"""The flags of ``kedro contract infer`` that say how a file is laid out."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from churn_pipeline.contract.file_format import (
    ESCAPES,
    QUOTES,
    FileFormat,
    is_encoding,
    is_separator,
)
from churn_pipeline.errors import DataError

F = TypeVar("F", bound=Callable[..., Any])
_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "blank": " "}


def file_options(command: F) -> F:
    """Add the flags to a command, which takes their values as :func:`file_format` does."""
    for option in reversed(
        [
            click.option(
                "--encoding", metavar="NAME", help="Of a text that is not UTF-8, such as cp1251."
            ),
            click.option(
                "--separator", metavar="CHAR", help="What stands between fields, such as tab."
            ),
            click.option("--quote", type=click.Choice(list(QUOTES)), help="What encloses fields."),
            click.option(
                "--escape",
                type=click.Choice(list(ESCAPES)),
                help="What stands before a quote within a field.",
            ),
            click.option(
                "--skip-rows",
                type=click.IntRange(min=0),
                metavar="N",
                help="Rows above the header.",
            ),
            click.option(
                "--header-rows",
                type=click.IntRange(min=0),
                metavar="N",
                help="Rows of the header; 0 where there is none.",
            ),
            click.option(
                "--footer",
                metavar="TEXT",
                multiple=True,
                help="How rows at the end begin that are no customers. May be given often.",
            ),
            click.option("--sheet", metavar="NAME", help="Of a workbook."),
        ]
    ):
        command = option(command)
    return command


def file_format(
    encoding: str | None,
    separator: str | None,
    quote: str | None,
    escape: str | None,
    skip_rows: int | None,
    header_rows: int | None,
    footer: tuple[str, ...],
    sheet: str | None,
) -> FileFormat:
    """Return what the flags say.

    Raises
    ------
    DataError
        If there is no such encoding, or the separator cannot be one.
    """
    if encoding is not None and not is_encoding(encoding):
        raise DataError(
            f"--encoding {encoding!r} is no text encoding; valid are utf-8, cp1251, gb18030, …"
        )
    if separator is not None:
        separator = _SPELLED.get(separator.lower(), separator)
        if not is_separator(separator):
            raise DataError(f"--separator {separator!r}: it takes one ASCII character, no quote")
    return FileFormat(
        encoding, separator, quote, escape, skip_rows, header_rows, tuple(sorted(footer)), sheet
    )

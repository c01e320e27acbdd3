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
                "--encoding",
                metavar="NAME",
                help="Encoding of a text file that is not UTF-8, such as cp1251.",
            ),
            click.option(
                "--separator",
                metavar="CHAR",
                help="Field separator: a character, tab, comma, semicolon or blank.",
            ),
            click.option(
                "--quote", type=click.Choice(list(QUOTES)), help="Character that encloses fields."
            ),
            click.option(
                "--escape",
                type=click.Choice(list(ESCAPES)),
                help="How a quote within a field is escaped.",
            ),
            click.option(
                "--skip-rows",
                type=click.IntRange(min=0),
                metavar="N",
                help="Number of rows above the header.",
            ),
            click.option(
                "--header-rows",
                type=click.IntRange(min=0),
                metavar="N",
                help="Number of header rows; 0 if there is none.",
            ),
            click.option(
                "--footer",
                metavar="TEXT",
                multiple=True,
                help=(
                    "Beginning of the rows at the end that are not customers, such as Total. Can "
                    "be repeated."
                ),
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
            f"--encoding {encoding!r} is not a text encoding; valid are utf-8, cp1251, gb18030, …"
        )
    if separator is not None:
        separator = _SPELLED.get(separator.lower(), separator)
        if not is_separator(separator):
            raise DataError(
                f"--separator {separator!r}: it must be one ASCII character, but not a quote"
            )
    return FileFormat(
        encoding, separator, quote, escape, skip_rows, header_rows, tuple(sorted(footer)), sheet
    )

"""How the files of a contract are laid out, where looking at a file does not settle it."""

import codecs
from dataclasses import dataclass, fields
from typing import Any

from churn_pipeline.contract.sections import Section

QUOTES = {'"': '"', "'": "'", "none": None}
ESCAPES = {"backslash": "\\", "none": None}


@dataclass(frozen=True)
class FileFormat:
    r"""The section ``file`` of a contract; what is None is found out from each file.

    Attributes
    ----------
    encoding : str, optional
        Python's name of the encoding of files that neither carry a byte-order mark nor are UTF-8.
    separator : str, optional
        The character between fields.
    quote : {'"', "'", "none"}, optional
        Character that encloses fields.
    escape : {"backslash", "none"}, optional
        Whether ``\"`` is a quote within a field.
    skip_rows : int, optional
        Lines (rows of a sheet) above the header.
    header_rows : int, optional
        Rows of the header: 0 where there is none, and the columns are called ``column_1`` …; of
        several, the names are those of the first row where it names every column, else all rows
        of a column joined by blanks.
    footer : tuple of str
        Rows at the end of the table whose first cell with a value begins with one of these are no
        customers.
    sheet : str, optional
        The sheet of a workbook.
    """

    encoding: str | None = None
    separator: str | None = None
    quote: str | None = None
    escape: str | None = None
    skip_rows: int | None = None
    header_rows: int | None = None
    footer: tuple[str, ...] = ()
    sheet: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the section as YAML holds it, without what is not given."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["footer"] = list(self.footer) or None
        return {key: value for key, value in values.items() if value is not None}

    def over(self, other: "FileFormat") -> "FileFormat":
        """Return this format, with what it leaves open taken from another."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return FileFormat(
            **{key: getattr(other, key) if not _is_given(v) else v for key, v in own.items()}
        )


UNKNOWN = FileFormat()  # all is found out


def _is_given(value: object) -> bool:
    return value is not None and value != ()


def parse_file_format(section: Section) -> FileFormat:
    """Read the section ``file``.

    Raises
    ------
    ContractError
        With one sentence that names the key and the valid options.
    """
    section.only({field.name for field in fields(FileFormat)})

    def text(key: str) -> str | None:
        return section.text(key) if key in section.values else None

    encoding, separator, sheet = text("encoding"), text("separator"), text("sheet")
    if encoding is not None and not is_encoding(encoding):
        section.fail(
            "encoding", f"is {encoding!r}, which is not a text encoding; valid are utf-8, cp1251, …"
        )
    if separator is not None and not is_separator(separator):
        section.fail(
            "separator", f"is {separator!r}; it must be one ASCII character, but not a quote"
        )
    for key, options in (("quote", QUOTES), ("escape", ESCAPES)):
        if key in section.values:
            section.choice(key, section.values[key], list(options))
    return FileFormat(
        encoding=encoding,
        separator=separator,
        quote=text("quote"),
        escape=text("escape"),
        skip_rows=section.whole("skip_rows", 0),
        header_rows=section.whole("header_rows", 0),
        footer=tuple(section.texts("footer")),
        sheet=sheet,
    )


def is_encoding(name: str) -> bool:
    """Whether Python knows a text encoding of that name."""
    try:
        return bool(codecs.lookup(name)._is_text_encoding)
    except (LookupError, ValueError):
        return False


def is_separator(text: str) -> bool:
    """Whether a text can be a field separator."""
    return len(text) == 1 and text.isascii() and text not in "\"'\r\n\\\0"

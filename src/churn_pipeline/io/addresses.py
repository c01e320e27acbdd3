"""Addresses of tables: what ``ingestion.source`` and the sinks may name, told apart by form."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from churn_pipeline.errors import DataError

FileKind = Literal["text", "parquet", "json_lines", "excel"]
DatabaseKind = Literal["sqlite", "duckdb", "postgresql"]

_FILES: dict[str, FileKind] = {
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".parquet": "parquet",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
_COMPRESSIBLE = ("text", "json_lines")
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_REMEDIES = {
    ".xls": "; save it as .xlsx", ".xlsb": "; save it as .xlsx", ".ods": "; save it as .xlsx",
    ".json": "; write one object per line (.jsonl)",
    ".zip": "; add .zip to the name of the file in it, such as customers.csv.zip",
}  # fmt: skip
_DATABASES: dict[str, DatabaseKind] = {
    "sqlite": "sqlite",
    "duckdb": "duckdb",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "postgresql+psycopg": "postgresql",
}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_PASSWORD = re.compile(r"://[^@/]*:[^@]*@|[?&](ssl)?password=", re.IGNORECASE)
_QUERY = re.compile(r"\s*(select|with)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """Where a table is.

    Attributes
    ----------
    kind : str
        The kind of file or database.
    place : str
        Path or ``s3://`` address of a file; path of an embedded database; address of a server.
    part : str, optional
        The sheet of a workbook (None: the first), the table or the query of a database.
    setting : str
        What the address was given by, for the messages.
    """

    kind: FileKind | DatabaseKind
    place: str
    part: str | None
    setting: str

    @property
    def is_database(self) -> bool:
        return self.kind in _DATABASES.values()

    @property
    def is_query(self) -> bool:
        return self.is_database and _QUERY.match(self.part or "") is not None

    @property
    def is_on_s3(self) -> bool:
        return self.place.startswith("s3://")

    def within(self, folder: Path | None) -> "Address":
        """Return the address with a path that is relative to ``folder`` made absolute."""
        if folder is None or self.local_path is None:
            return self
        return replace(self, place=str(folder / self.place))

    @property
    def local_path(self) -> Path | None:
        """The file on this machine; None for a server or S3."""
        return None if self.kind == "postgresql" or self.is_on_s3 else Path(self.place)

    @property
    def name(self) -> str:
        """A short name for messages and reports: no folder, no user, no password."""
        name = re.sub(r"//[^/]*@", "//", self.place).partition("?")[0]
        if self.kind != "postgresql":
            name = name.rpartition("/")[2]
        if self.part is None:
            return name
        part = " ".join(self.part.split())
        return f"{name}::{part if len(part) <= 60 else part[:57] + '...'}"


def parse_address(source: str, setting: str) -> Address:
    """Read an address.

    Parameters
    ----------
    source : str
        The path or address; docs/sources.md lists the forms.
    setting : str
        Key of ``params.yaml`` that it is from, for the messages.

    Raises
    ------
    DataError
        If it is of no known form, or contains a password.
    """
    refuse_password(source, setting)
    place, part = _parts(source)
    scheme = _SCHEME.match(place)
    if scheme is None:
        return _file(place, part, setting)
    name = scheme.group(1).lower()
    if name == "s3":
        return _file("s3" + place[2:], part, setting)
    if name not in _DATABASES:
        raise DataError(
            f"{setting} starts with {name}://; it takes files, s3://, sqlite:///, duckdb:/// and "
            "postgresql://"
        )
    if not part:
        raise DataError(
            f"{place} names no table; write {setting} as {place}::TABLE or {place}::select …"
        )
    kind = _DATABASES[name]
    if kind == "postgresql":
        return Address(kind, "postgresql" + place[len(name) :], part, setting)
    path = place[len(name) + 3 :]
    if not path.startswith("/") or path == "/":
        raise DataError(
            f"{place} names no file; write {setting} as {name}:///FILE::TABLE, with four slashes "
            f"before an absolute path"
        )
    return Address(kind, path[1:], part, setting)


def parse_sink(address: str, setting: str) -> Address:
    """Read the address of a table to write.

    Raises
    ------
    DataError
        If it is not a table of a database.
    """
    parsed = parse_address(address, setting)
    if not parsed.is_database or parsed.is_query:
        raise DataError(
            f"{setting} is {parsed.name}, but takes a table of a database only, such as "
            "postgresql://HOST/DATABASE::TABLE or sqlite:///FILE::TABLE"
        )
    return parsed


def project_folder() -> Path | None:
    """Return the root of the Kedro project around the current folder, which paths start from.

    Kedro makes plain paths of the catalog absolute, but no addresses.
    """
    from kedro.utils import find_kedro_project

    root: Path | None = find_kedro_project(Path.cwd())
    return root


def from_project(source: str, project: Path) -> str:
    """Return a source that was typed in the current folder as ``ingestion.source`` takes it.

    Parameters
    ----------
    source : str
        Path or address; a relative path is meant from the current folder, or, if there is nothing,
        from the project's root, as in ``params.yaml``.
    project : Path
        The project's root.

    Returns
    -------
    str
        The same with a path from the root, or an absolute one if the file lies elsewhere.

    Raises
    ------
    DataError
        See :func:`parse_address`.
    """
    address = parse_address(source, "SOURCE")
    path = address.local_path
    here, root = Path.cwd(), project.resolve()
    if path is None or path.is_absolute() or here.resolve() == root:
        return source
    if not (here / path).exists() and (root / path).exists():
        return source
    found = Path(os.path.normpath(here.resolve() / path))
    place = found.relative_to(root) if found.is_relative_to(root) else found
    scheme = _SCHEME.match(source)
    start = scheme.end() + 1 if scheme else 0  # of an embedded database: `sqlite:///`
    return source[:start] + source[start:].replace(address.place, place.as_posix(), 1)


def shown(source: str) -> str:
    """Return the address for messages: as it is, unless it contains a password."""
    return "an address that contains a password" if _holds_password(source) else source


def refuse_password(source: str, setting: str) -> None:
    """Raise a DataError, which does not show it, if the address contains a password."""
    if _holds_password(source):
        raise DataError(
            f"{setting} contains a password, which would be logged and committed; remove it and "
            "put "
            "user and password into conf/local/credentials.yml (docs/sources.md) or PGUSER and "
            "PGPASSWORD"
        )


def _holds_password(source: str) -> bool:
    place, part = _parts(source)
    # a password may hold colons, which look like the end of the place; only a query may hold an @
    is_query = _QUERY.match(part or "") is not None
    return _PASSWORD.search(place if is_query else source) is not None


def _parts(source: str) -> tuple[str, str | None]:
    # the colons of an IPv6 host stand in brackets
    host = re.match(r"[^:]*://[^/\[]*\[[^\]]*\]", source)
    start = source.find("::", host.end() if host else 0)
    if start < 0:
        return source, None
    return source[:start], source[start + 2 :].strip().rstrip(";")


def _file(place: str, part: str | None, setting: str) -> Address:
    name = place.rpartition("/")[2]
    if not name or (place.startswith("s3://") and place.count("/") < 3):
        raise DataError(
            f"{place or 'an empty text'} names no file; set {setting} to a file"
            f"{', such as s3://BUCKET/FOLDER/customers.csv' if place.startswith('s3:') else ''}"
        )
    path = Path(name.lower())
    is_compressed = path.suffix in _COMPRESSED
    ending = Path(path.stem).suffix if is_compressed else path.suffix
    kind = _FILES.get(ending)
    if kind is None or (is_compressed and kind not in _COMPRESSIBLE):
        raise DataError(_no_kind(place, name, setting))
    if part is not None and kind != "excel":
        raise DataError(
            f"{name} cannot be followed by ::; in {setting} that is for workbooks (a sheet) and "
            "databases"
        )
    return Address(kind, place, part or None, setting)


def _no_kind(place: str, name: str, setting: str) -> str:
    if not place.startswith("s3://") and Path(place).is_dir():
        files = sorted(entry.name for entry in Path(place).iterdir() if entry.is_file())
        more = f" and {len(files) - 5} more" if len(files) > 5 else ""
        shown = ", ".join(files[:5]) + more or "it has none"
        return f"{place} is a folder; {setting} needs one file, of which it has: {shown}"
    ending = Path(name).suffix
    has = f"has the ending {ending!r}" if ending else "has no ending"
    return (
        f"{name} {has}; {setting} takes {', '.join(_FILES)} files ({', '.join(_COMPRESSED)} behind "
        f"those of text), s3:// and addresses of databases{_REMEDIES.get(ending.lower(), '')}"
    )

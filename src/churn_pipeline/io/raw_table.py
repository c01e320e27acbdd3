"""The customer table as read from the user's source: every cell as text, with its line."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from kedro.io import AbstractDataset
from numpy.typing import NDArray

from churn_pipeline.contract.file_format import UNKNOWN, FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.addresses import Address, parse_address, project_folder, shown
from churn_pipeline.io.contract_dataset import ContractDataset
from churn_pipeline.io.readers.contents import Contents, Remark
from churn_pipeline.io.readers.finishing import finish, require_rows
from churn_pipeline.io.readers.separator import NAMES
from churn_pipeline.named_files import params_yaml


@dataclass(frozen=True)
class RawTable:
    """An unchecked customer table.

    Attributes
    ----------
    name : str
        File name without its folder, with the sheet, table or query where one is named.
    sha256 : str
        Hash of the file's bytes; of a database, of the columns' names and cells.
    cells : DataFrame of str, (n_rows, n_columns)
        The cells as text; an empty text where the source holds null.
    lines : ndarray of int, (n_rows,)
        Line of the file on which each row starts (the header is line 1); for Parquet and databases
        the row's number, starting with 1.
    spans : ndarray of int, (n_rows,)
        How many lines of the file each row covers; above 1 where a quoted cell holds a newline.
    malformed : DataFrame
        Rows that do not fit the header: ``line``, ``span``, ``text``, ``fields`` (how many they
        have), ``reason``.
    encoding : str, optional
        Python's name of the text's encoding that was found; None where there is none.
    separator : str, optional
        The character between the fields that was found; None where there is none.
    found : FileFormat
        What had to be found out of the file's layout, and a contract should hold.
    remarks : tuple of Remark
        What a person should know of how it was read.
    integers : frozenset of str
        Columns that a database or Parquet file itself holds as integers.
    """

    name: str
    sha256: str
    cells: pd.DataFrame
    lines: NDArray[np.int64]
    spans: NDArray[np.int64]
    malformed: pd.DataFrame
    encoding: str | None = None
    separator: str | None = None
    found: FileFormat = UNKNOWN
    remarks: tuple[Remark, ...] = ()
    integers: frozenset[str] = frozenset()


def read_raw_table(
    source: str,
    setting: str = "ingestion.source",
    credentials: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    file: FileFormat = UNKNOWN,
    look: bool = False,
) -> RawTable:
    """Read a customer table from any source that docs/sources.md lists.

    Parameters
    ----------
    source : str
        Path or address.
    setting : str
        What it was given by (a key of ``params.yaml``, or a flag), for the messages.
    credentials : mapping, optional
        Of a server: ``url``, ``user``, ``password``; of S3: ``key``, ``secret``, ``token``,
        ``endpoint_url``, ``region``.
    folder : Path, optional
        What relative paths start from; by default the current folder.
    file : FileFormat
        What is known of a file's layout.
    look : bool
        Whether to look for headers of several rows and footers too, as for a table that nobody has
        described.

    Raises
    ------
    DataError
        If there is no such table, or it cannot be read, in one sentence.
    """
    address = parse_address(source, setting).within(folder)
    if address.is_database:
        from churn_pipeline.io.readers.database import read_database  # takes half a second

        contents = read_database(address, credentials)
        require_rows(contents, address.name, "", address.setting)
        return raw_table(address.name, _sha256_of_cells(contents.cells), contents)
    if address.is_on_s3:
        from churn_pipeline.io.readers.storage import fetched

        with fetched(address, credentials) as path:
            return _read_file(path, address, file, look)
    path = Path(address.place)
    require_file(path, setting)
    return _read_file(path, address, file, look)


def require_file(path: Path, setting: str) -> None:
    """Raise a DataError if there is no such file, with what could be meant."""
    if not path.is_file():
        raise DataError(_absent(path, setting))


def _absent(path: Path, setting: str) -> str:
    """Say that there is no such file, and what could be meant."""
    remedy = f"set {setting} in {params_yaml()} to" if "." in setting else f"give as {setting}"
    if path.is_dir():
        return f"{path} is a folder; {remedy} one file of it: {_files_in(path)}"
    close = ""
    if path.parent.is_dir():
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
        near = get_close_matches(path.name, names, 1, 0.8)
        close = f" (did you mean {near[0]}?)" if near else ""
    return f"{path} does not exist{close}; {remedy} the path of your customer table"


def _files_in(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (", ".join(names[:5]) + more) or "it has none"


def _read_file(path: Path, address: Address, file: FileFormat, look: bool) -> RawTable:
    if not path.stat().st_size:
        raise DataError(f"{address.name} is empty; a customer table is needed")
    contents = finish(_contents(path, address, file), file, address.name, look)
    kind = NAMES.get(contents.separator or "")
    require_rows(contents, address.name, f"{kind}-separated" if kind else "", address.setting)
    if look and contents.separator is not None and contents.cells.shape[1] == 1:
        raise DataError(
            f"{address.name} has the one column {contents.cells.columns[0]!r}; if another "
            "character than , ; tab or | separates the fields, pass it with --separator"
        )
    with path.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return raw_table(address.name, sha256, contents)


def _contents(path: Path, address: Address, file: FileFormat) -> Contents:
    if address.kind == "text":
        from churn_pipeline.io.readers.text import read_text

        return read_text(path, file)
    if address.kind == "parquet":
        from churn_pipeline.io.readers.parquet import read_parquet

        return read_parquet(path)
    if address.kind == "json_lines":
        from churn_pipeline.io.readers.json_lines import read_json_lines

        return read_json_lines(path, file)
    from churn_pipeline.io.readers.excel import read_excel

    return read_excel(path, address.part, file)


def raw_table(name: str, sha256: str, contents: Contents) -> RawTable:
    """Return what was read as the raw table of a source."""
    return RawTable(
        name,
        sha256,
        contents.cells,
        contents.lines,
        contents.spans,
        contents.malformed,
        contents.encoding,
        contents.separator,
        contents.found,
        tuple(contents.remarks),
        contents.integers,
    )


def _sha256_of_cells(cells: pd.DataFrame) -> str:
    """Hash names, lengths and texts of all columns, so that no two tables look alike."""
    hashed = hashlib.sha256()
    for name in cells.columns:
        texts = pa.array(cells[name]).cast(pa.large_binary())
        lengths = pc.binary_length(texts).to_numpy().astype("<i8")
        hashed.update(f"{len(name)} {name} {len(texts)} ".encode())
        hashed.update(lengths.tobytes())
        for start in range(0, len(texts), 1 << 16):
            hashed.update(b"".join(texts.slice(start, 1 << 16).to_pylist()))
    return hashed.hexdigest()


class RawTableDataset(AbstractDataset[None, RawTable]):
    """Loads a table from any source as a :class:`RawTable`; read-only.

    Parameters
    ----------
    filepath : str or None
        Path or address; see :func:`read_raw_table`. None for ``default``.
    setting : str
        Key of ``params.yaml`` that it is from, for the messages.
    default : str, optional
        What is read where ``filepath`` is None.
    credentials : dict, optional
        See :func:`read_raw_table`.
    contract : str, optional
        Path of the contract whose section ``file`` says how files are laid out.
    metadata : dict, optional
        Free-form, ignored by Kedro.
    """

    def __init__(
        self,
        *,
        filepath: str | None,
        setting: str = "ingestion.source",
        default: str | None = None,
        credentials: dict[str, Any] | None = None,
        contract: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._contract = contract
        source = default if filepath is None else filepath
        if source is None:
            raise DataError(f"{setting} is null; set it in {params_yaml()} to your customer table")
        self._filepath = source
        self._setting = setting
        self._credentials = credentials
        self.metadata = metadata
        self._loaded: RawTable | None = None

    def load(self) -> RawTable:
        # several nodes need it; the runner calls release after the last
        if self._loaded is None:
            folder = project_folder()
            self._loaded = read_raw_table(
                self._filepath, self._setting, self._credentials, folder, self._file(folder)
            )
        return self._loaded

    def _file(self, folder: Path | None) -> FileFormat:
        if self._contract is None:
            return FileFormat()
        path = (folder or Path()) / self._contract
        return ContractDataset(filepath=str(path)).load().file

    def _release(self) -> None:
        self._loaded = None

    def save(self, data: None) -> None:
        name = parse_address(self._filepath, self._setting).name
        raise DataError(f"{name} is the user's table; the pipeline never writes to it")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": shown(str(self._filepath))}

    def _exists(self) -> bool:
        path = parse_address(self._filepath, self._setting).within(project_folder()).local_path
        return path is None or path.exists()  # what is elsewhere is only known by reading it

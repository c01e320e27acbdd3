"""Finished parts of a long piece of work, from which a run that was killed goes on."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
from kedro.io import AbstractDataset, DatasetError

from churn_pipeline.io.storage import writing
from churn_pipeline.staging import replacing

_ROWS_A_BATCH = 2048  # few, as a merge holds one batch of every part


class StagedParts:
    """Tables in a private folder, each of which is there whole or not at all.

    Parameters
    ----------
    folder : Path
        Holds nothing else. One process at a time uses it, which the lock of the data set ensures.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._folder = folder

    def begin(self, key: str) -> None:
        """Take up the parts of a piece of work; those of any other are never used, and removed.

        Parameters
        ----------
        key : str
            Tells everything apart that the parts depend on.
        """
        self._folder = self._root / key
        with writing(self._root):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._root.chmod(0o700)
        for other in self._root.iterdir():
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

    def has(self, name: str) -> bool:
        """Tell whether there is such a part."""
        return self._path(name).is_file()

    def write(self, name: str, table: pa.Table) -> None:
        """Write a part.

        Raises
        ------
        StorageError
            If the disk is full, or the user has no right to write there.
        """
        path = self._path(name)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            writing(path),
            replacing(path) as staged,
            pa.OSFile(str(staged), "wb") as file,
            pa.ipc.new_file(file, table.schema, options=options) as writer,
        ):
            if table.num_rows:
                writer.write_table(table, max_chunksize=_ROWS_A_BATCH)
            else:  # else the categories would be lost
                empty = [column.chunks[0] for column in table.columns if column.num_chunks]
                if len(empty) == table.num_columns:
                    writer.write_batch(pa.record_batch(empty, table.schema))

    def write_frame(self, name: str, frame: pd.DataFrame) -> None:
        """Write a data frame, but for its index."""
        self.write(name, pa.Table.from_pandas(frame, preserve_index=False))

    def read(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """Return a part, or some columns of it."""
        batches = list(self.batches(name, columns))
        return pa.Table.from_batches(batches, None if batches else self._schema(name, columns))

    def read_frame(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return a part as the data frame that was written."""
        frame: pd.DataFrame = self.read(name, columns).to_pandas()
        return frame

    def batches(self, name: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield a part batch by batch, one of which is in memory at a time."""
        with pa.OSFile(str(self._path(name)), "rb") as file:
            reader = pa.ipc.open_file(file, options=self._options(name, columns))
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)

    def columns(self, name: str) -> list[str]:
        """Return the names of a part's columns."""
        return list(self._schema(name, None).names)

    def remove(self) -> None:
        """Remove all parts, as the work is done."""
        shutil.rmtree(self._root, ignore_errors=True)

    def _schema(self, name: str, columns: list[str] | None) -> pa.Schema:
        with pa.OSFile(str(self._path(name)), "rb") as file:
            schema = pa.ipc.open_file(file).schema
        if columns is None:
            return schema
        return pa.schema([field for field in schema if field.name in columns], schema.metadata)

    def _options(self, name: str, columns: list[str] | None) -> Any:
        if columns is None:
            return None
        names = self._schema(name, None).names
        places = [names.index(column) for column in columns]
        return pa.ipc.IpcReadOptions(included_fields=places)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.arrow"


class StagedPartsDataset(AbstractDataset[NoReturn, StagedParts]):
    """Gives nodes the :class:`StagedParts` that they write, and go on from.

    Neither a dependency nor an output of a DVC stage: results do not depend on it.

    Parameters
    ----------
    filepath : str
        The folder.
    metadata : dict, optional
        Free-form, ignored by Kedro.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> StagedParts:
        return StagedParts(self._filepath)

    def save(self, data: NoReturn) -> NoReturn:
        raise DatasetError("the parts are written one by one; no pipeline saves them")

    def _exists(self) -> bool:
        return True  # they come into being when they are asked for

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

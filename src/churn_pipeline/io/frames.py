"""A large table that comes frame by frame, and the files it is written to."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from churn_pipeline.io.atomic import CSVDataset, ParquetDataset
from churn_pipeline.io.csv_text import csv_header, csv_text
from churn_pipeline.io.storage import writing
from churn_pipeline.staging import replacing


@dataclass(frozen=True)
class Frames:
    """A table that is made anew, frame by frame, each time that it is iterated over.

    Attributes
    ----------
    source : callable
        Returns an iterator over data frames of the same columns and types.
    """

    source: Callable[[], Iterator[pd.DataFrame]]

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self.source()


def frames_of(data: pd.DataFrame | Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Return an iterator over a table's frames, be it one frame or several."""
    return iter([data]) if isinstance(data, pd.DataFrame) else iter(data)


class FramesCSVDataset(CSVDataset):
    """Writes :class:`Frames` into one CSV file, whole or not at all; loads it as a data frame."""

    def save(self, data: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
        """Write the frames one below the other."""
        target = Path(self._get_save_path())
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as staged, staged.open("wb") as file:
                for number, frame in enumerate(frames_of(data)):
                    if not number:
                        file.write(csv_header(frame))
                    file.write(csv_text(frame))


class FramesParquetDataset(ParquetDataset):
    """Writes :class:`Frames` into one Parquet file, whole or not at all; loads a data frame."""

    def save(self, data: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
        """Write the frames one below the other; those without rows only if all have none."""
        target = Path(self._get_save_path())
        frames = (frame for frame in frames_of(data))
        first = next(frames)
        filled = (frame for frame in frames if len(frame))
        if not len(first):
            first = next(filled, first)
        second = next(filled, None)
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as staged:
                if second is None:
                    first.to_parquet(staged)
                    return
                table = pa.Table.from_pandas(first, preserve_index=False)
                with pyarrow.parquet.ParquetWriter(staged, table.schema) as writer:
                    writer.write_table(table)
                    for frame in chain([second], filled):
                        writer.write_table(
                            pa.Table.from_pandas(frame, table.schema, preserve_index=False)
                        )

"""Datasets whose files appear whole or not at all.

A save goes to a hidden file in the same folder, which is then renamed over the target: a run
killed at any moment leaves either the old file or the new one. (What it leaves of a hidden file is
removed by a later run.)
"""

from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from kedro_datasets.json import JSONDataset as _JSONDataset
from kedro_datasets.pickle import PickleDataset as _PickleDataset
from kedro_datasets.text import TextDataset as _TextDataset

from churn_pipeline.io.storage import writing
from churn_pipeline.optional_imports import without
from churn_pipeline.staging import staged_path

with without("sqlalchemy"):
    from kedro_datasets.pandas import CSVDataset as _CSVDataset
    from kedro_datasets.pandas import ParquetDataset as _ParquetDataset


class AtomicSave:
    """Mixin for a Kedro dataset on local files: write beside the target, then rename."""

    _staged: PurePosixPath | None = None

    def _get_save_path(self) -> PurePosixPath:
        return self._staged or super()._get_save_path()  # type: ignore[misc]

    def save(self, data: Any) -> None:
        """Save ``data`` to the hidden file and rename it over the target."""
        target = super()._get_save_path()  # type: ignore[misc]
        self._staged = PurePosixPath(staged_path(Path(target)))
        with writing(Path(target)):
            try:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                super().save.__wrapped__(self, data)  # type: ignore[misc]
                Path(self._staged).replace(target)
            finally:
                staged, self._staged = self._staged, None
                with suppress(OSError):  # the first error says more
                    Path(staged).unlink(missing_ok=True)


class CSVDataset(AtomicSave, _CSVDataset):
    """``kedro_datasets.pandas.CSVDataset`` with atomic saves."""


class JSONDataset(AtomicSave, _JSONDataset):
    """``kedro_datasets.json.JSONDataset`` with atomic saves, sorted keys and readable lines."""

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {
        "indent": 2,
        "sort_keys": True,
        "allow_nan": False,
    }


class ParquetDataset(AtomicSave, _ParquetDataset):
    """``kedro_datasets.pandas.ParquetDataset`` with atomic saves."""


class PickleDataset(AtomicSave, _PickleDataset):
    """``kedro_datasets.pickle.PickleDataset`` with atomic saves."""


class TextDataset(AtomicSave, _TextDataset):
    """``kedro_datasets.text.TextDataset`` with atomic saves."""

"""A bundle's folder as catalog dataset."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from churn_pipeline.io.storage import writing
from churn_pipeline.scorer.bundle import Bundle, read_bundle, write_bundle


class BundleDataset(AbstractDataset[Bundle, Bundle]):
    """Loads a bundle, every file of which is verified, and saves one whole or not at all.

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

    def load(self) -> Bundle:
        return read_bundle(self._filepath)

    def save(self, data: Bundle) -> None:
        with writing(self._filepath):
            write_bundle(data, self._filepath)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

    def _exists(self) -> bool:
        return self._filepath.is_dir()

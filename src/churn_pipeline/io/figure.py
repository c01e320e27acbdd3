"""Figures as catalog dataset.

``kedro_datasets.matplotlib.MatplotlibDataset`` imports matplotlib with the catalog, in every run.
"""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import ImagePreview

from churn_pipeline.io.storage import writing
from churn_pipeline.staging import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FigureDataset(AbstractDataset["Figure", bytes]):
    """Saves a figure as a picture, whole or not at all, and loads the picture's bytes.

    Parameters
    ----------
    filepath : str
    save_args : dict, optional
        Of matplotlib's ``Figure.savefig``.
    metadata : dict, optional
        Free-form, ignored by Kedro.
    """

    def __init__(
        self,
        *,
        filepath: str,
        save_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._save_args = save_args or {}
        self.metadata = metadata

    def save(self, data: "Figure") -> None:
        with writing(self._filepath):
            self._filepath.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._filepath) as staged:
                data.savefig(staged, **self._save_args)

    def load(self) -> bytes:
        """Return the content of the file, for pages that hold their pictures."""
        return self._filepath.read_bytes()

    def preview(self) -> ImagePreview:
        """Return the picture in base64, which kedro-viz shows."""
        return ImagePreview(base64.b64encode(self.load()).decode("ascii"))

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "save_args": self._save_args}

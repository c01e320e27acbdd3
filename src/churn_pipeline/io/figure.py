"""Figures as catalog dataset; apart from the others, since matplotlib takes a second to import."""

from pathlib import Path

from kedro_datasets.matplotlib import MatplotlibDataset as _MatplotlibDataset

from churn_pipeline.io.atomic import AtomicSave


class FigureDataset(AtomicSave, _MatplotlibDataset):
    """``kedro_datasets.matplotlib.MatplotlibDataset`` that saves atomically and loads bytes."""

    def load(self) -> bytes:
        """Return the content of the file, for pages that hold their pictures."""
        return Path(self._get_load_path()).read_bytes()

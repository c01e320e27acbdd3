"""Figures as catalog dataset; apart from the others, since matplotlib takes a second to import."""

from kedro_datasets.matplotlib import MatplotlibDataset as _MatplotlibDataset

from churn_pipeline.io.atomic import AtomicSave


class FigureDataset(AtomicSave, _MatplotlibDataset):
    """``kedro_datasets.matplotlib.MatplotlibDataset`` with atomic saves."""

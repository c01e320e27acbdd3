"""A kind of simulated customers as a catalog dataset."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from churn_pipeline.errors import SimulationError
from churn_pipeline.simulation import Kind, read_kind


class KindDataset(AbstractDataset[None, Kind]):
    """Loads a kind's file as a :class:`~churn_pipeline.simulation.Kind`; read-only.

    Parameters
    ----------
    filepath : str
        Path of the YAML file.
    metadata : dict, optional
        Free-form, ignored by Kedro.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Kind:
        return read_kind(self._filepath)

    def save(self, data: None) -> None:
        raise SimulationError(f"{self._filepath.name} is written by hand, not by the pipeline")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

    def _exists(self) -> bool:
        return self._filepath.exists()

"""The journal of Optuna studies as catalog dataset."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from churn_pipeline.modeling.tuning.studies import StudyJournal


class StudyJournalDataset(AbstractDataset[NoReturn, StudyJournal]):
    """Gives nodes a :class:`~churn_pipeline.modeling.tuning.studies.StudyJournal` to resume from.

    Neither a dependency nor an output of a DVC stage: results do not depend on it.
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> StudyJournal:
        return StudyJournal(self._filepath)

    def save(self, data: NoReturn) -> NoReturn:
        raise DatasetError("the journal writes itself, trial by trial; no pipeline saves it")

    def _exists(self) -> bool:
        return True  # it comes into being when it is asked for

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

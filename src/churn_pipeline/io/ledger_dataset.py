"""The scores of a run into the ledger, as catalog dataset."""

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import chain
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from churn_pipeline.errors import ChurnPipelineError, LedgerError
from churn_pipeline.io.addresses import project_folder, shown
from churn_pipeline.io.frames import frames_of
from churn_pipeline.ledger.address import SETTING, parse_ledger

logger = logging.getLogger(__name__)


class ScoresLedgerDataset(AbstractDataset[pd.DataFrame | Iterable[pd.DataFrame], pd.DataFrame]):
    """Adds scores to the ledger; those that it has stay as they are.

    A save is one transaction with one moment, however many frames it comes in: killed, it leaves
    none of them. Repeating it adds nothing. One frame at a time is in memory.

    Parameters
    ----------
    address : str or None
        Of the ledger; None: nothing is written.
    data_set : str
        ``dataset.name``.
    source : {"batch", "online"}
    credentials : dict, optional
        ``url``, ``user`` and ``password``; see docs/sources.md.
    metadata : dict, optional
        Free-form, ignored by Kedro.
    """

    def __init__(
        self,
        *,
        address: str | None,
        data_set: str,
        source: str = "batch",
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._address = address
        self._data_set = data_set
        self._source = source
        self._credentials = credentials
        self.metadata = metadata

    def save(self, data: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
        """Add a frame, or several of one model, all or none."""
        if self._address is None:
            return
        filled = (frame for frame in frames_of(data) if len(frame))
        first = next(filled, None)
        if first is None:
            return
        from churn_pipeline.ledger.appending import Appended  # takes half a second

        frames = chain([first], filled)
        del first  # so that only one frame is in memory
        now = datetime.now(UTC)
        ledger = self._ledger()
        done, days, is_assumed = Appended(0, 0, 0), set[str](), False
        try:
            with ledger.writing(turn=f"{self._source} scores of {self._data_set}") as opened:
                for frame in frames:
                    is_assumed = is_assumed or bool(frame["as_of"].isna().any())
                    done += self._append(opened, frame, now, days)
                    del frame
        except (ChurnPipelineError, OSError) as error:
            raise LedgerError(
                f"{error} (until then, none of the scores of this run is in the ledger)"
            ) from error
        first_day, last_day = min(days), max(days)
        logger.info(
            "Recorded   %s scores as of %s%s in %s%s",
            f"{done.added:,}",
            first_day if first_day == last_day else f"{first_day} to {last_day}",
            ", today, as there is neither a snapshot nor scoring.date," if is_assumed else "",
            ledger.name,
            f", which had {done.there:,} others of this run" if done.there else "",
        )
        if done.differing:
            logger.warning(
                "%s customers have another score of that day and model in the ledger, which keeps "
                "the first one; to record corrected rows as well, give them a day of their own by "
                "scoring.date",
                f"{done.differing:,}",
            )

    def _append(self, opened: Any, frame: pd.DataFrame, now: datetime, days: set[str]) -> Any:
        """Add one frame, and its days to ``days``."""
        from churn_pipeline.ledger.appending import append_scores

        (version,) = frame["model_version"].unique()
        columns = _columns(frame, now.date())
        days.update(columns["as_of"])
        return append_scores(
            opened,
            columns,
            data_set=self._data_set,
            model_version=str(version),
            source=self._source,
            scored_at=now,
        )

    def load(self) -> pd.DataFrame:
        if self._address is None:
            raise DatasetError(f"{SETTING} is null, so there is no ledger")
        import sqlalchemy as sa

        from churn_pipeline.ledger.schema import scores

        with self._ledger().reading() as opened:
            result = opened.execute(
                sa.select(scores)
                .where(scores.c.data_set == self._data_set)
                .order_by(scores.c.score_id)
            )
            table = pd.DataFrame(result.fetchall(), columns=list(result.keys()))
        # SQLite has no time zones
        return table.assign(scored_at=pd.to_datetime(table["scored_at"], utc=True))

    def _ledger(self) -> Any:
        from churn_pipeline.ledger.store import Ledger

        assert self._address is not None
        address = parse_ledger(self._address).within(project_folder())
        return Ledger(address, self._credentials or {})

    def _exists(self) -> bool:
        if self._address is None:
            return False
        try:
            with self._ledger().reading():
                return True
        except ChurnPipelineError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"address": self._address and shown(self._address), "data_set": self._data_set}


def _columns(data: pd.DataFrame, today: date) -> dict[str, list[Any]]:
    """Return the columns as lists of Python's own values, missing ones as None.

    A row without a day gets that of the run.
    """
    from churn_pipeline.ledger.appending import GIVEN

    columns = {}
    for name in GIVEN:
        values = data[name]
        if values.isna().any():
            values = values.astype(object).where(values.notna(), None)
        columns[name] = values.tolist()
    columns["as_of"] = [str(today) if day is None else str(day) for day in columns["as_of"]]
    return columns

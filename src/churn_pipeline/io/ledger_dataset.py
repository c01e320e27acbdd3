"""The scores of a run into the ledger, as catalog dataset."""

import logging
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from churn_pipeline.errors import ChurnPipelineError, LedgerError
from churn_pipeline.io.addresses import project_folder, shown
from churn_pipeline.ledger.address import SETTING, parse_ledger

logger = logging.getLogger(__name__)


class ScoresLedgerDataset(AbstractDataset[pd.DataFrame, pd.DataFrame]):
    """Adds scores to the ledger; those that it has stay as they are.

    A save is one transaction, and may be one of several of a run. Repeating it, or the run, adds
    nothing; killing it loses nothing that an earlier save has written.

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

    def save(self, data: pd.DataFrame) -> None:
        if self._address is None or data.empty:
            return
        from churn_pipeline.ledger.appending import append_scores  # takes half a second

        now = datetime.now(UTC)
        (version,) = data["model_version"].unique()
        columns = _columns(data, now.date())
        ledger = self._ledger()
        try:
            with ledger.writing() as opened:
                done = append_scores(
                    opened,
                    columns,
                    data_set=self._data_set,
                    model_version=str(version),
                    source=self._source,
                    scored_at=now,
                )
        except (ChurnPipelineError, OSError) as error:
            raise LedgerError(
                f"{error} (until then, none of these {len(data):,} scores is in the ledger)"
            ) from error
        is_assumed = data["as_of"].isna().any()
        first, last = min(columns["as_of"]), max(columns["as_of"])
        logger.info(
            "Recorded   %s scores as of %s%s in %s%s",
            f"{done.added:,}",
            first if first == last else f"{first} to {last}",
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

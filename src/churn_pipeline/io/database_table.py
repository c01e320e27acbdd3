"""A table of a database as catalog dataset, written run by run."""

import logging
from collections.abc import Iterable
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from churn_pipeline.errors import DataError
from churn_pipeline.io.addresses import Address, parse_sink, project_folder, shown

logger = logging.getLogger(__name__)


class DatabaseTableDataset(AbstractDataset[pd.DataFrame | Iterable[pd.DataFrame], pd.DataFrame]):
    """Writes rows into a table; those of the same run are replaced, others stay.

    A save is one transaction: a killed one leaves the old rows, a repeated one the same rows as a
    single one, and of two at a time one waits for the other.

    Parameters
    ----------
    address : str or None
        Such as ``postgresql://host/database::table``; None: nothing is written.
    keys : list of str
        Columns whose values identify a run.
    setting : str
        Key of ``params.yaml`` that the address is from, for the messages.
    credentials : dict, optional
        ``url``, ``user`` and ``password``; see docs/sources.md.
    metadata : dict, optional
        Free-form, ignored by Kedro.
    """

    def __init__(
        self,
        *,
        address: str | None,
        keys: list[str],
        setting: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._address = address
        self._keys = keys
        self._setting = setting
        self._credentials = credentials
        self.metadata = metadata

    def save(self, data: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
        if self._address is None or (isinstance(data, pd.DataFrame) and data.empty):
            return
        from churn_pipeline.io.databases import connection  # takes half a second
        from churn_pipeline.io.table_writer import replace_rows

        address = self._parsed()
        assert address.part is not None
        with connection(address, self._credentials, write=True) as opened:
            written, replaced = replace_rows(opened, address.part, data, self._keys)
        logger.info(
            "Wrote      %s rows into %s%s",
            f"{written:,}",
            address.name,
            f", in place of {replaced:,}" if replaced else "",
        )

    def load(self) -> pd.DataFrame:
        if self._address is None:
            raise DatasetError(f"{self._setting} is null, so there is no table")
        from churn_pipeline.io.databases import connection, quoted, run

        address = self._parsed()
        assert address.part is not None
        order = ", ".join(map(quoted, self._keys))
        with connection(address, self._credentials) as opened:
            result = run(opened, f"select * from {quoted(address.part)} order by {order}")
            return pd.DataFrame(result.fetchall(), columns=list(result.keys()))

    def _parsed(self) -> Address:
        assert self._address is not None
        return parse_sink(self._address, self._setting).within(project_folder())

    def _exists(self) -> bool:
        if self._address is None:
            return False
        from churn_pipeline.io.databases import connection, table_names

        try:
            with connection(self._parsed(), self._credentials) as opened:
                return self._parsed().part in table_names(opened)
        except DataError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"address": self._address and shown(self._address), "keys": self._keys}

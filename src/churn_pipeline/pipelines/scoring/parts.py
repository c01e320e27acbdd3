"""Nodes of the scoring pipeline that check a table part by part, and choose whom to score."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from churn_pipeline.checking.cells import trimmed
from churn_pipeline.checking.earlier_rows import EarlierRows
from churn_pipeline.code_hash import code_hash
from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import Column
from churn_pipeline.errors import DataError, SourceChangedError
from churn_pipeline.io.frames import Frames
from churn_pipeline.io.raw_stream import RawStream
from churn_pipeline.io.raw_table import RawTable
from churn_pipeline.io.staged_parts import StagedParts
from churn_pipeline.named_files import params_yaml
from churn_pipeline.pipelines.ingestion.nodes import check_customers, quarantine_customers
from churn_pipeline.pipelines.scoring.keys import customer_numbers, keys_of
from churn_pipeline.progress import Progress
from churn_pipeline.scorer import Bundle, Scorer
from churn_pipeline.splits.current_customers import STATES, state_codes
from churn_pipeline.splits.periods import Unit

_UNSEEN = "unseen value of "  # a column that tells of which rows a category is not in the contract


@dataclass(frozen=True)
class Parts:
    """The accepted rows of a table, part by part.

    Attributes
    ----------
    staged : StagedParts
        Part ``n`` is ``accepted-n``, its rejected rows are ``rejected-n``, whether and why its
        accepted rows are not scored is ``state-n``, its scores are ``scores-n``.
    count : int
    rows_read : int
        Of the table, those that do not fit its header included.
    """

    staged: StagedParts
    count: int
    rows_read: int

    def names(self, kind: str) -> list[str]:
        """Return the names of the parts of one kind."""
        return [part_name(kind, number) for number in range(self.count)]

    def states(self) -> NDArray[np.int8]:
        """Return the place of each accepted row's state in :data:`STATES`."""
        states = [self.staged.read(name)["state"].to_numpy() for name in self.names("state")]
        return np.concatenate(states).astype(np.int8)


def part_name(kind: str, number: int) -> str:
    """Return the name of a staged part."""
    return f"{kind}-{number:05}"


def check_parts(
    raw: RawStream,
    contract: Contract,
    bundle: Bundle,
    staged: StagedParts,
    all_snapshots: bool,
    period: Unit,
) -> tuple[Parts, Frames]:
    """Check the table part by part, and set the rows aside that break the contract.

    A part depends on the rows above it by their ids alone: of several rows of one id (and snapshot)
    the first good one stays. Parts that an earlier run with the same table, model, parameters and
    code has finished are not checked again. If the table is changed meanwhile, all parts go.

    Parameters
    ----------
    raw : RawStream
    contract : Contract
        Of the requests.
    bundle : Bundle
    staged : StagedParts
    all_snapshots, period
        See :func:`set_apart`; whatever else the parts depend on is in what they are named by.

    Returns
    -------
    accepted : Parts
        Typed customers, in the order of the file.
    rejected : Frames
        See :func:`churn_pipeline.pipelines.ingestion.nodes.quarantine_customers`.

    Raises
    ------
    SourceChangedError
        If the table is changed while it is read.
    """
    staged.begin(_key(raw, contract, bundle, all_snapshots, period))
    if not staged.has("end"):
        try:
            _check_all(raw, contract, Scorer(bundle).contract.target, staged)
        except SourceChangedError:
            staged.remove()
            raise
    ((count, rows_read),) = staged.read_frame("end").to_numpy().tolist()
    parts = Parts(staged, count, rows_read)
    return parts, Frames(partial(_read_all, staged, parts.names("rejected")))


def _key(raw: RawStream, contract: Contract, bundle: Bundle, *parameters: Any) -> str:
    day = contract.snapshot and contract.snapshot.default
    source = [raw.name, raw.sha256, repr(raw.file), raw.rows_a_part]
    parts = [code_hash(), *source, bundle.version, day, *parameters]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _read_all(staged: StagedParts, names: list[str]) -> Iterator[pd.DataFrame]:
    return (staged.read_frame(name) for name in names)


def _check_all(raw: RawStream, contract: Contract, target: Column, staged: StagedParts) -> None:
    earlier, number, rows_read = EarlierRows(), 0, 0
    with Progress("checked", raw.rows, is_about=raw.is_about) as progress:
        for number, part in enumerate(raw.parts()):
            rows = len(part.cells) + len(part.malformed)
            rows_read += rows
            taken = part_name("taken", number)
            if staged.has(part_name("accepted", number)):
                earlier.restore(_arrays(staged.read(taken)))
                progress.skip(rows)
                continue
            accepted, rejected = _check(part, contract, earlier)
            staged.write(part_name("keys", number), keys_of(accepted, contract, target))
            staged.write_frame(part_name("rejected", number), rejected)
            staged.write(taken, _table(earlier.added()))
            staged.write_frame(part_name("accepted", number), accepted)  # the last: it is whole
            progress.advance(rows)
    staged.write_frame("end", pd.DataFrame({"count": [number + 1], "rows_read": [rows_read]}))


def _check(
    part: RawTable, contract: Contract, earlier: EarlierRows
) -> tuple[pd.DataFrame, pd.DataFrame]:
    table, violations = check_customers(part, contract, earlier)
    accepted, rejected = quarantine_customers(part, table, violations, contract)
    kept = ~table.index.isin(violations["row"])
    for column in contract.columns.values():
        if column.type == "category" and column.is_open and column.name in part.cells:
            missing_values = (*contract.missing_values, *column.missing_values)
            given = trimmed(part.cells[column.name], missing_values).notna().to_numpy()[kept]
            unseen = given & accepted[column.name].isna().to_numpy()
            accepted[f"{_UNSEEN}{column.name}"] = unseen
    return accepted, rejected


def _table(arrays: dict[str, NDArray[np.uint64]]) -> pa.Table:
    longest = max(map(len, arrays.values()))
    padded = {
        name: pa.concat_arrays([pa.array(values), pa.nulls(longest - len(values), pa.uint64())])
        for name, values in arrays.items()
    }
    return pa.table(padded)


def _arrays(table: pa.Table) -> dict[str, NDArray[np.uint64]]:
    return {name: table[name].drop_null().to_numpy() for name in table.column_names}


def accepted_part(parts: Parts, number: int) -> tuple[pd.DataFrame, dict[str, NDArray[np.bool_]]]:
    """Return a part's accepted rows, and of which a category has an unseen value."""
    frame = parts.staged.read_frame(part_name("accepted", number))
    flags = [name for name in map(str, frame) if name.startswith(_UNSEEN)]
    unseen = {name.removeprefix(_UNSEEN): frame[name].to_numpy(dtype=bool) for name in flags}
    return frame.drop(columns=flags), unseen


def set_apart(
    accepted: Parts,
    contract: Contract,
    bundle: Bundle,
    raw: RawStream,
    all_snapshots: bool,
    period: Unit,
) -> tuple[Parts, Frames]:
    """Separate the rows to score from those of customers who have left, and from earlier ones.

    Whose row is the latest is known from the keys of all rows, which are read without the rest.

    Parameters
    ----------
    accepted : Parts
        Rows that meet the contract.
    contract : Contract
        Of the requests.
    bundle : Bundle
    raw : RawStream
        The table that they are from, for the error.
    all_snapshots : bool
        Keeps earlier rows of those who are customers still, to look back.
    period : {"day", "week", "month", "quarter"}
        See :func:`churn_pipeline.splits.current_customers.states`.

    Returns
    -------
    described : Parts
        The same, and the state of each row: ``current`` is the latest row of a present customer.
    set_apart : Frames
        All other rows: the key, the target where the table has it, and ``state``, which is
        ``left``, ``absent`` or ``earlier``.

    Raises
    ------
    DataError
        If no row of the file meets the contract, or nobody is left to score.
    """
    target = Scorer(bundle).contract.target
    there = accepted.staged.columns(part_name("accepted", 0))
    parts = [accepted.staged.read(name) for name in accepted.names("keys")]
    rows = [part.num_rows for part in parts]
    keys = {
        name: np.concatenate([part[name].to_numpy() for part in parts])
        for name in parts[0].column_names
    }
    del parts
    if not sum(rows):
        raise DataError(
            f"no row of {raw.name} meets the contract; the rows and their reasons are in "
            "07_model_output/rejected_to_score.parquet of the data folder"
        )
    codes = np.full(sum(rows), STATES.index("current"), dtype=np.int8)
    if keys["left"].any() or "day" in keys:
        codes = state_codes(
            customer_numbers(keys),
            keys.get("day"),
            keys["left"],
            target.horizon_days,
            period,
            all_snapshots,
        )
    if not (codes == STATES.index("current")).any():
        n_left = int((codes == STATES.index("left")).sum())
        raise DataError(
            f"{raw.name} has no customer left to score: {n_left:,} of {sum(rows):,} rows are of "
            f"customers who have left by {target.name}; set scoring.source in {params_yaml()} "
            "to a table of current customers"
        )
    for number, part in enumerate(np.split(codes, np.cumsum(rows)[:-1])):
        accepted.staged.write(part_name("state", number), pa.table({"state": part}))
    names = [name for name in (*contract.key, target.name) if name in there]
    return accepted, Frames(partial(_set_apart, accepted, names))


def _set_apart(parts: Parts, names: list[str]) -> Iterator[pd.DataFrame]:
    for accepted, state in zip(parts.names("accepted"), parts.names("state"), strict=True):
        codes = parts.staged.read(state)["state"].to_numpy()
        apart = codes != STATES.index("current")
        frame = parts.staged.read_frame(accepted, names)[names]
        state_names = pd.Series(np.array(STATES, dtype=object)[codes[apart]], dtype="str")
        yield frame[apart].reset_index(drop=True).assign(state=state_names)

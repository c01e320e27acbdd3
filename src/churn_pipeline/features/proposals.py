"""Simple derived columns that a contract's types and units suggest."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Column, Contract
from churn_pipeline.contract.derivation import derive
from churn_pipeline.contract.expressions import Expression, reference
from churn_pipeline.contract.model import DerivedColumn

Kind = Literal["log", "first period", "ratio", "sum", "difference", "count", "bin"]

_TIME_UNITS = {"day", "hour", "minute", "month", "quarter", "week", "year"}
_BIN_QUANTILES = (0.25, 0.5, 0.75)
_MOST_FLAG_VALUES = 3  # "on", "off" and one for those whom the question does not fit
_FEWEST_CUSTOMERS = 20  # who must differ from the rest: fewer teach a model nothing
_SAME_CORRELATION = 0.9999


@dataclass(frozen=True)
class Proposal:
    """A derived column that might improve a model, and how it was made."""

    kind: Kind
    column: DerivedColumn


def propose_columns(contract: Contract, customers: pd.DataFrame) -> tuple[Proposal, ...]:
    """Propose derived columns from the types and units of the contract's features.

    ===============  ============================================================================
    log              ``log1p(x)`` of numbers that the contract keeps at 0 or above
    first period     ``x <= 1`` (or the least value above 1) of integers in a unit of time
    ratio            ``a / b`` of two numbers, ``b`` never below 0; an integer 0 counts as 1
    sum, difference  of two numbers in the same unit
    count            how many of the categories that share two or three values have one of them
    bin              ``x <= t`` at quartiles of numbers and counts, rounded to two digits
    ===============  ============================================================================

    Left out are those that hardly vary, and those that are all but a multiple of a column that the
    model sees, or of an earlier proposal. The target is not looked at.

    Parameters
    ----------
    contract : Contract
    customers : DataFrame
        With the contract's features; gives the quantiles and shows what varies and what is alike.

    Returns
    -------
    tuple of Proposal
        Their names are free in the contract, and the contract accepts their expressions.
    """
    numbers = [column for column in contract.features if column.is_numeric]
    counts = list(_counts(contract))
    drafts = [
        *_logs(numbers),
        *_first_periods(numbers),
        *_ratios(numbers),
        *_sums_and_differences(numbers),
        *counts,
        *_bins(numbers, counts, customers),
    ]
    return tuple(_distinct(_with_free_names(drafts, contract), contract, customers))


def _draft(kind: Kind, name: str, expression: str, meaning: str, unit: str | None) -> Proposal:
    plain = re.sub(r"\W+", "_", name).strip("_")
    return Proposal(kind, DerivedColumn(plain, Expression(expression), meaning, unit))


def _logs(numbers: Sequence[Column]) -> Iterator[Proposal]:
    for column in numbers:
        if _never_below(column, 0):
            yield _draft(
                "log",
                f"log_{column.name}",
                f"log1p({_reference(column)})",
                f"Logarithm of one plus {column.name}.",
                column.unit and f"log {column.unit}",
            )


def _first_periods(numbers: Sequence[Column]) -> Iterator[Proposal]:
    for column in numbers:
        unit = (column.unit or "").strip().lower().removesuffix("s")
        if column.type == "integer" and unit in _TIME_UNITS and column.minimum is not None:
            first = max(1.0, column.minimum)
            yield _draft(
                "first period",
                f"first_{unit}_of_{column.name}",
                f"{_reference(column)} <= {_literal(first)}",
                f"Whether {column.name} is still in its first {unit}.",
                None,
            )


def _ratios(numbers: Sequence[Column]) -> Iterator[Proposal]:
    for above, below in permutations(numbers, 2):
        if not _never_below(below, 0):
            continue  # a ratio jumps where its denominator changes sign
        starts_at_zero = below.type == "integer" and not _never_below(below, 1)
        divisor = f"maximum({_reference(below)}, 1)" if starts_at_zero else _reference(below)
        unit = None
        if above.unit and below.unit and above.unit != below.unit:
            unit = f"{_bracketed(above.unit)} / {_bracketed(below.unit)}"
        yield _draft(
            "ratio",
            f"{above.name}_per_{below.name}",
            f"{_reference(above)} / {divisor}",
            f"{above.name} divided by {below.name}{', at least 1' if starts_at_zero else ''}.",
            unit,
        )


def _sums_and_differences(numbers: Sequence[Column]) -> Iterator[Proposal]:
    for a, b in combinations(numbers, 2):
        if not a.unit or a.unit != b.unit:
            continue
        left, right = _reference(a), _reference(b)
        yield _draft(
            "sum", f"{a.name}_plus_{b.name}", f"{left} + {right}",
            f"Sum of {a.name} and {b.name}.", a.unit,
        )  # fmt: skip
        yield _draft(
            "difference", f"{a.name}_minus_{b.name}", f"{left} - {right}",
            f"{a.name} less {b.name}.", a.unit,
        )  # fmt: skip


def _counts(contract: Contract) -> Iterator[Proposal]:
    alike: dict[frozenset[str], list[Column]] = defaultdict(list)
    for column in contract.features:
        if 2 <= len(column.values) <= _MOST_FLAG_VALUES:
            alike[frozenset(column.values)].append(column)
    for columns in alike.values():
        if len(columns) == 1:
            continue
        first, *others = columns[0].values
        for value in (*others, first):  # the first often says that something is absent
            conditions = [f"{_reference(column)} == {value!r}" for column in columns]
            names = [column.name for column in columns]
            yield _draft(
                "count",
                f"count_{value}_of_{names[0]}_and_{len(names) - 1}_more",
                f"count({', '.join(conditions)})",
                f'How many of {", ".join(names)} are "{value}".',
                "columns",
            )


def _bins(
    numbers: Sequence[Column], counts: Sequence[Proposal], customers: pd.DataFrame
) -> Iterator[Proposal]:
    columns = [(column.name, _reference(column), column.unit) for column in numbers]
    columns += [(c.column.name, c.column.expression.text, c.column.unit) for c in counts]
    for name, text, unit in columns:
        values = _evaluate(Expression(text), customers)
        known = values[np.isfinite(values)]
        if not len(known):
            continue
        quantiles = np.quantile(known, _BIN_QUANTILES, method="nearest")
        for threshold in dict.fromkeys(float(f"{q:.2g}") for q in quantiles):
            limit = _literal(threshold)
            yield _draft(
                "bin",
                f"{name}_at_most_{limit}",
                f"{text} <= {limit}",
                f"Whether {name} is at most {limit}{f' {unit}' if unit else ''}.",
                None,
            )


def _with_free_names(drafts: Sequence[Proposal], contract: Contract) -> Iterator[Proposal]:
    taken = {*contract.columns, *(column.name for column in contract.derived_columns)}
    for draft in drafts:
        wanted = name = draft.column.name
        number = 1
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name)
        column = draft.column
        yield Proposal(
            draft.kind, DerivedColumn(name, column.expression, column.meaning, column.unit)
        )


def _distinct(
    proposals: Iterator[Proposal], contract: Contract, customers: pd.DataFrame
) -> Iterator[Proposal]:
    seen = [_direction(column) for column in _model_columns(contract, customers)]
    for proposal in proposals:
        values = _evaluate(proposal.column.expression, customers)
        if not _varies(values):
            continue
        direction = _direction(values)
        # one by one: a matrix of them would be copied anew for every proposal
        if all(abs(float(other @ direction)) < _SAME_CORRELATION for other in seen):
            seen.append(direction)
            yield proposal


def _model_columns(contract: Contract, customers: pd.DataFrame) -> Iterator[NDArray[np.float64]]:
    for column in contract.features:
        values = customers[column.name].to_numpy()
        if column.is_numeric:
            yield values.astype(np.float64)
        else:
            yield from ((values == value).astype(np.float64) for value in column.values)
    needed = {column.name: customers[column.name].to_numpy() for column in contract.read_columns}
    yield from derive(needed, contract).values()


def _evaluate(expression: Expression, customers: pd.DataFrame) -> NDArray[np.float64]:
    return expression({name: customers[name].to_numpy() for name in expression.columns})


def _varies(values: NDArray[np.float64]) -> bool:
    known = values[np.isfinite(values)]
    if not len(known):
        return False
    most_common = int(np.unique(known, return_counts=True)[1].max())
    return len(known) - most_common >= _FEWEST_CUSTOMERS


def _direction(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre and scale to length 1, missing values at 0: products are then correlations."""
    known = np.isfinite(values)
    centred = np.zeros(len(values))
    if known.any():
        centred[known] = values[known] - values[known].mean()
    length = float(np.linalg.norm(centred))
    return centred / length if length > 0 else centred


def _reference(column: Column) -> str:
    return reference(column.name)


def _literal(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _never_below(column: Column, limit: float) -> bool:
    return column.minimum is not None and column.minimum >= limit


def _bracketed(unit: str) -> str:
    return f"({unit})" if " " in unit else unit

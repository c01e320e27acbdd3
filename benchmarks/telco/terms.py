"""The terms of the logistic models to fit, as short strings that can be combined.

A term is one or more factors joined by ``" & "``; its value is their product. A factor is

- ``"Column=Level"``: 1 where the column has that level, else 0;
- ``"tenure=k"``: 1 where tenure is k months, else 0;
- ``"tenure>k"``: the months of tenure beyond k, else 0 (a hinge, so a slope changes at k).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.telco.schema import LEVELS

Codes = Mapping[str, NDArray[np.int8]]
"""Per column the position of each customer's level in ``LEVELS``; for tenure, months."""


def code_of(column: str, level: str) -> int:
    """Position of ``level`` among the levels of ``column``.

    Raises
    ------
    ValueError
        If the column or the level is unknown.
    """
    if column not in LEVELS or level not in LEVELS[column]:
        raise ValueError(f"Unknown level {column}={level}.")
    return LEVELS[column].index(level)


def factor_values(factor: str, codes: Codes) -> NDArray[np.int32]:
    """Value of one factor for every customer.

    Parameters
    ----------
    factor
        Such as ``"Partner=Yes"``, ``"tenure=1"`` or ``"tenure>12"``.
    codes
        Coded columns, all of one length n.

    Returns
    -------
    numpy.ndarray
        Shape (n,): 0 or 1, or months for a hinge.

    Raises
    ------
    ValueError
        If the factor names an unknown column or level.
    """
    if factor.startswith("tenure>"):
        months = codes["tenure"].astype(np.int32)
        months -= int(factor.removeprefix("tenure>"))
        months[months < 0] = 0
        return months
    column, _, level = factor.partition("=")
    code = int(level) if column == "tenure" else code_of(column, level)
    holds: NDArray[np.bool_] = codes[column] == code
    return holds.astype(np.int32)


def term_values(term: str, codes: Codes) -> NDArray[np.int32]:
    """Value of a term, the product of its factors, for every customer.

    Parameters
    ----------
    term
        Factors joined by ``" & "``.
    codes
        Coded columns, all of one length n.

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    first, *others = term.split(" & ")
    values = factor_values(first, codes)
    for factor in others:
        values = values * factor_values(factor, codes)
    return values


def formula(term: str) -> str:
    """Spell a term in the language of the kind's file.

    Examples
    --------
    >>> formula("tenure>12 & Contract=One year")
    "maximum(tenure - 12, 0) * (Contract == 'One year')"
    """
    factors = [_formula(factor) for factor in term.split(" & ")]
    if all(" == " in factor for factor in factors):
        return " and ".join(factors)
    return " * ".join(f"({factor})" if " == " in factor else factor for factor in factors)


def _formula(factor: str) -> str:
    if factor.startswith("tenure>"):
        start = factor.removeprefix("tenure>")
        return "tenure" if start == "0" else f"maximum(tenure - {start}, 0)"
    column, _, level = factor.partition("=")
    return f"tenure == {level}" if column == "tenure" else f"{column} == '{level}'"

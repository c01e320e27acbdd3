"""The quality gates as a table for the terminal."""

from collections.abc import Sequence

from churn_pipeline.evaluation.gates import Gate
from churn_pipeline.reporting.formats import count_passed

_VERDICTS = {True: "PASS", False: "FAIL", None: "–"}


def gates_table(gates: Sequence[Gate]) -> str:
    """Return a header and one aligned line a gate: verdict, gate, limit, value, detail.

    The verdict is PASS, FAIL or, where the gate does not apply, a dash.
    """
    counted = f"Gates      {count_passed([gate.passed for gate in gates])}"
    if not gates:
        return counted
    rows = [("", "gate", "limit", "value", "")]
    rows += [
        (_VERDICTS[g.passed], g.gate, _limit(g.limit), _value(g.value), g.detail) for g in gates
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"  {verdict:<{widths[0]}}  {gate:<{widths[1]}}  {limit:>{widths[2]}}  "
        f"{value:>{widths[3]}}  {detail}".rstrip()
        for verdict, gate, limit, value, detail in rows
    ]
    return "\n".join([counted, *lines])


def _limit(limit: float | bool) -> str:
    return "on" if limit is True else f"{limit:g}"


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"

"""The quality gates as a table for the terminal."""

from collections.abc import Sequence

from churn_pipeline.modeling.gates import Gate


def gates_table(gates: Sequence[Gate]) -> str:
    """Return a header and one aligned line a gate: PASS or FAIL, gate, limit, value, detail."""
    if not gates:
        return "Gates      all are switched off"
    passed = sum(gate.passed for gate in gates)
    rows = [("", "gate", "limit", "value", "")]
    rows += [
        ("PASS" if g.passed else "FAIL", g.gate, _limit(g.limit), _value(g.value), g.detail)
        for g in gates
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"  {verdict:<{widths[0]}}  {gate:<{widths[1]}}  {limit:>{widths[2]}}  "
        f"{value:>{widths[3]}}  {detail}".rstrip()
        for verdict, gate, limit, value, detail in rows
    ]
    return "\n".join([f"Gates      {passed} of {len(gates)} passed", *lines])


def _limit(limit: float | bool) -> str:
    return "on" if limit is True else f"{limit:g}"


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"

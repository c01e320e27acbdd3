"""What the fairness audit found, in plain sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from churn_pipeline.evaluation.customer_groups import MISSING
from churn_pipeline.evaluation.fairness import MINIMUM_CUSTOMERS
from churn_pipeline.evaluation.metric_definitions import CALIBRATION
from churn_pipeline.reporting.meanings import GROUP_METRIC_NAMES


def warn(columns: Mapping[str, Any], differences: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one sentence for each group whose probabilities are off beyond noise.

    Parameters
    ----------
    columns, differences
        See :func:`churn_pipeline.evaluation.fairness.audit`.
    """
    return [
        _sentence(entry, columns)
        for entry in differences
        if entry["metric"] == CALIBRATION and entry["beyond_noise"]
    ]


def tell_consequences(
    columns: Mapping[str, Any], differences: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return one sentence for each other difference beyond noise.

    Such differences come with right probabilities too where the churn rates differ, or with wrong
    ones, which :func:`warn` tells.
    """
    return [
        _sentence(entry, columns)
        for entry in differences
        if entry["metric"] != CALIBRATION and entry["beyond_noise"]
    ]


def _sentence(entry: Mapping[str, Any], columns: Mapping[str, Any]) -> str:
    return f"{entry['column']}: {_describe(entry, columns)} ({_holm(entry['p_value_holm'])})."


def _describe(entry: Mapping[str, Any], columns: Mapping[str, Any]) -> str:
    who, value, rest = _with(entry["group"]), entry["value"], entry["rest"]
    if entry["metric"] == "selection_rate":
        groups = columns[entry["column"]]["groups"]
        churn, other_churn = _churn_rates(groups, entry["group"])
        return (
            f"customers {who} are contacted in {value:.1%} of cases, the others in {rest:.1%}; "
            f"they churn in {churn:.1%}, the others in {other_churn:.1%}"
        )
    if entry["metric"] == "recall":
        return f"of the churners {who}, {value:.1%} are contacted; of the others, {rest:.1%}"
    if entry["metric"] == "precision":
        return f"of the contacted customers {who}, {value:.1%} churn; of the others, {rest:.1%}"
    return (
        f"the churn probabilities of customers {who} are {_off(value)} on average, "
        f"those of the others {_off(rest)}"
    )


def _with(group: str) -> str:
    return "without a value" if group == MISSING else f"with {group}"


def _churn_rates(groups: Mapping[str, Any], name: str) -> tuple[float, float]:
    others = [group for other, group in groups.items() if other != name]
    churners = sum(group["customers"] * group["churn_rate"]["value"] for group in others)
    customers = sum(group["customers"] for group in others)
    return groups[name]["churn_rate"]["value"], churners / customers


def _off(calibration_error: float) -> str:
    direction = "high" if calibration_error > 0 else "low"
    return f"{100 * abs(calibration_error):.1f} points too {direction}"


def _holm(p_value: float) -> str:
    return "Holm p < 0.001" if p_value < 0.001 else f"Holm p = {p_value:.3f}"


def tell_not_judged(
    columns: Mapping[str, Any], not_judged: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return one sentence for each comparison with too few customers."""
    sentences = []
    for entry in not_judged:
        column, group, metric = entry["column"], entry["group"], entry["metric"]
        customers = columns[column]["groups"][group]["customers"]
        if metric is None:
            what = (
                f"{_count(customers)} {_with(group)}: not judged, at least "
                f"{MINIMUM_CUSTOMERS} customers in the group and in the rest are needed"
            )
        else:
            what = (
                f"{GROUP_METRIC_NAMES[metric].lower()} of the {_count(customers)} {_with(group)}: "
                "not judged, too few cases"
            )
        sentences.append(f"{column}, {what}.")
    return sentences


def _count(customers: int) -> str:
    return "1 customer" if customers == 1 else f"{customers:,} customers"

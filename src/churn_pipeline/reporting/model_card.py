"""The model card: what the model is for, how it was made, and how far it can be trusted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import Column
from churn_pipeline.evaluation.metric_definitions import METRICS
from churn_pipeline.evaluation.period_metrics import METRICS as PERIOD_METRICS
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.target import churned
from churn_pipeline.reporting import meanings
from churn_pipeline.reporting.campaign import plan_campaign
from churn_pipeline.reporting.findings import SIMULATED, find, undecided_gates
from churn_pipeline.reporting.templates import markdown_templates

# file → (what it shows, for those who cannot see it; caption)
FIGURES = {
    "roc_curve.png": (
        "ROC curve of the test set",
        "How well the ranking separates churners from the others.",
    ),
    "precision_recall_curve.png": (
        "Precision against recall on the test set",
        "How many of those contacted would have churned.",
    ),
    "gains_curve.png": (
        "Share of the churners found against share of customers contacted",
        "How many of those who leave are reached by contacting the riskiest customers first.",
    ),
    "confusion.png": (
        "Contacted or not against churned or stayed, in customers",
        "Right and wrong decisions on the test set.",
    ),
    "calibration_curve.png": (
        "Churn rate against mean churn probability, by bin",
        "Whether 30% means 30%; larger points represent more customers.",
    ),
    "metrics_by_period.png": (
        "Churn rate, ROC-AUC, log loss and lift against time, for both sets",
        "How the model performs from period to period; the training set is scored out of fold.",
    ),
    "profit_curve.png": (
        "Expected profit per customer against share of customers contacted",
        "What contacting more customers earns, highest expected profit first.",
    ),
    "shap_importance.png": (
        "Bars of the mean absolute SHAP value of each input",
        "What influences the churn probability most, on average over the test set.",
    ),
    "shap_dependence.png": (
        "SHAP value against value, for the most important inputs",
        "In which direction, and how far, a value moves the log-odds of churn.",
    ),
}

_ISO_DATE = r"\d{4}-\d{2}(?:-\d{2})?(?:[T ].*)?"  # such texts sort by time
_MOST_PERIODS = 24  # the latest, that the table shows
_MOST_VALUES = 6  # of a category that the table of inputs spells out


def write_model_card(
    metrics: Mapping[str, Any],
    selection: Mapping[str, Any],
    delong: Mapping[str, Any],
    economics: Mapping[str, Any],
    fairness: Mapping[str, Any],
    gates: Mapping[str, Any],
    shap_importance: pd.DataFrame,
    reason_stability: Mapping[str, Any],
    data_quality: Mapping[str, Any],
    test_predictions: pd.DataFrame,
    train: pd.DataFrame,
    split_record: Mapping[str, Any],
    metrics_by_period: pd.DataFrame,
    contract: Contract,
    evaluation: Mapping[str, Any],
    training: Mapping[str, Any],
    tuning: Mapping[str, Any],
    split: Mapping[str, Any],
    currency: str,
) -> str:
    """Write the model card in Markdown, after Mitchell et al. (2019).

    Nothing in it depends on when or where it was made. Texts that come from the data or the
    contract are escaped.

    Parameters
    ----------
    metrics, selection, delong, economics, fairness, gates, reason_stability, data_quality : mapping
        The outputs of the nodes of the same names.
    shap_importance : DataFrame
        ``input``, ``meaning``, ``mean_absolute_shap``, ``share``; the largest first.
    test_predictions : DataFrame
        One line a row of the test set.
    train : DataFrame
        The training set.
    split_record : mapping
        See :func:`churn_pipeline.splits.split_record.record_split`.
    metrics_by_period : DataFrame
        See :func:`churn_pipeline.evaluation.period_metrics.measure_periods`; shown if there are
        several periods.
    contract : Contract
    evaluation, training, tuning, split : mapping
        The sections of ``params.yaml``.
    currency : str
        Of all amounts.

    Returns
    -------
    str
        What comes before the first heading of the second level is for those who decide; it has the
        table of key figures, what to do next, what to know before, and two figures. The figures of
        :data:`FIGURES` are next to it.
    """
    sides = {
        "training": _count(churned(train, contract)),
        "test": _count(test_predictions["churned"]),
    }
    template = markdown_templates().get_template("model_card.md.j2")
    return template.render(
        metrics=metrics,
        selection=selection,
        candidates=_rank(selection),
        delong=delong,
        economics=economics,
        fairness=fairness,
        gates=gates,
        shap_importance=shap_importance.to_dict("records"),
        stability=reason_stability,
        data_quality=data_quality,
        is_simulated=data_quality["source"]["name"] == SIMULATED,
        sides=sides,
        currency=currency,
        campaign=plan_campaign(economics, metrics["precision"]["value"], split_record),
        findings=find(
            {
                "gates": gates,
                "economics": economics,
                "fairness": fairness,
                "data_quality": data_quality,
                "split_record": split_record,
                "churners": sides["test"]["churners"],
            }
        ),
        split_record=split_record,
        periods=_periods(metrics_by_period),
        dates=_date_ranges(train, contract),
        contract=contract,
        kinds={column.name: _kind(column) for column in contract.features},
        evaluation=evaluation,
        training=training,
        undecided=undecided_gates(gates["gates"]),
        tuning=tuning,
        split=split,
        figures=FIGURES,
        definitions=METRICS,
        group_metric_names=meanings.GROUP_METRIC_NAMES,
        words=meanings,
    )


def _count(target: ArrayLike) -> dict[str, Any]:
    y = np.asarray(target)
    churners = int(y.sum())
    return {"customers": len(y), "churners": churners, "churn_rate": churners / len(y)}


def _periods(table: pd.DataFrame) -> dict[str, Any]:
    """Return how many periods there are, and the latest lines of the table if several."""
    number = table["period"].nunique()
    shown = table.tail(_MOST_PERIODS) if number > 1 else table.head(0)
    lines = []
    for row in shown.to_dict("records"):
        figures = {
            name: {
                "value": row[name],
                "low": row[f"{name}_low"],
                "high": row[f"{name}_high"],
            }
            for name in PERIOD_METRICS
        }
        lines.append(
            {key: row[key] for key in ("side", "period", "rows", "churners")}
            | {name: None if pd.isna(f["low"]) else f for name, f in figures.items()}
        )
    return {"number": number, "lines": lines, "left_out": len(table) - len(lines)}


def _date_ranges(customers: pd.DataFrame, contract: Contract) -> dict[str, tuple[str, str]]:
    """Return the first and last date of every column of dates, or of nothing but ISO dates."""
    ranges = {}
    for column in contract.columns.values():
        if column.is_date:
            days = customers[column.name].dropna()
            if len(days):
                ranges[column.name] = (f"{days.min():%Y-%m-%d}", f"{days.max():%Y-%m-%d}")
            continue
        if column.is_numeric or column.name == contract.id.name:
            continue
        cells = customers[column.name].dropna().astype("str")
        if len(cells) and cells.str.fullmatch(_ISO_DATE).all():
            ranges[column.name] = (cells.min(), cells.max())
    return ranges


def _kind(column: Column) -> str:
    if column.is_date:
        return "date"
    if not column.is_numeric:
        values = ", ".join(column.values[:_MOST_VALUES])
        more = len(column.values) - _MOST_VALUES
        return f"{values} and {more} more" if more > 0 else values
    low, high = column.minimum, column.maximum
    if low is None and high is None:
        return column.type
    if high is None:
        return f"{column.type}, {low:g} or more"
    return f"{column.type}, {high:g} or less" if low is None else f"{low:g} to {high:g}"


def _rank(selection: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the candidates, the lowest log loss first, each with its comparison to the best."""
    figures = selection["candidates"]
    ranked = sorted(figures, key=lambda name: (figures[name]["log_loss"]["mean"], name))
    best = selection.get("best") or next(name for name in ranked if name != "baseline")
    return [
        {
            "name": name,
            "meaning": FAMILIES[name].meaning,
            "comparison": _against(best, name, selection["comparisons"]),
            **figures[name],
        }
        for name in ranked
    ]


def _against(
    best: str, name: str, comparisons: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Return the comparison of two candidates as log loss of ``name`` minus that of ``best``."""
    if name == best:
        return None
    found = next(c for c in comparisons if {c["candidate"], c["other"]} == {name, best})
    if found["candidate"] == name:
        return dict(found)
    turned = {"difference": -found["difference"], "low": -found["high"], "high": -found["low"]}
    return {**found, **turned}

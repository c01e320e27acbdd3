"""The summary that a run prints at its end."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from churn_pipeline.evaluation.metric_definitions import METRICS
from churn_pipeline.reporting import formats
from churn_pipeline.reporting.campaign import Campaign, plan_campaign
from churn_pipeline.reporting.findings import find

_WIDTH = 100
_INDENT = " " * 11  # of text beside a label


def summarise_data(data_quality: Mapping[str, Any], folder: str) -> str:
    """Return how many rows were read and rejected, and where the rejected ones are."""
    rejected = data_quality["rows_rejected"]
    where = f", see {folder}/02_intermediate/rejected.parquet" if rejected else ""
    text = (
        f"Customers  {data_quality['rows_read']:,} rows read from "
        f"{data_quality['source']['name']}, {rejected:,} rejected{where}"
    )
    lines = textwrap.wrap(
        text,
        _WIDTH,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return "\n".join(lines)


def summarise(
    metrics: Mapping[str, Any],
    selection: Mapping[str, Any],
    economics: Mapping[str, Any],
    fairness: Mapping[str, Any],
    gates: Mapping[str, Any],
    data_quality: Mapping[str, Any],
    split_record: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    churned: Sequence[int],
    currency: str,
    folder: str,
) -> str:
    """Summarise the data, the champion, its test metrics, the decisions and what to do next.

    ``churned`` holds a 1 for every test customer who churned and a 0 for the others; ``currency``
    is that of all amounts; ``folder`` is the data folder.
    """
    findings = find(
        {
            "gates": gates,
            "economics": economics,
            "fairness": fairness,
            "data_quality": data_quality,
            "split_record": split_record,
            "churners": sum(churned),
        }
    )
    campaign = plan_campaign(economics, metrics["precision"]["value"], split_record)
    champion = selection["champion"]
    loss = selection["candidates"][champion]["log_loss"]
    lines = [
        "",
        summarise_data(data_quality, folder),
        f"Champion   {champion} (cross-validated log loss {loss['mean']:.4f} ± {loss['std']:.4f})",
        *_beside(selection["reason"]),
        f"Test set   {_rows(len(churned), split_record)}, {sum(churned):,} churned; "
        f"{evaluation['confidence']:.0%} intervals, top {evaluation['top_share']:.0%}",
    ]
    widest = max(len(metric.title) for metric in METRICS.values()) + 2
    lines += [
        f"  {metric.title:<{widest}} {metrics[name]['value']:6.3f}  "
        f"[{metrics[name]['low']:.3f}, {metrics[name]['high']:.3f}]"
        for name, metric in METRICS.items()
        if metric.ideal is None or name in metrics
    ]
    lines += [
        *_decisions(economics, campaign, currency),
        *_verdict(gates),
        *(line for finding in findings for line in _labelled("Note", finding.text)),
        f"Model card {folder}/08_reporting/model_card.html",
    ]
    following = {
        "README.md": "how to bring your own customers",
        f"{folder}/08_reporting/tuning.html": "what tuning tried for each candidate",
        "make kedro-viz": "the pipelines in the browser",
        "make mlflow-ui": "the runs in the browser",
    }
    width = max(map(len, following)) + 4
    for label, (what, why) in zip(("Next", "", "", ""), following.items(), strict=True):
        lines.append(f"{label:<{len(_INDENT)}}{what:<{width}}{why}")
    return "\n".join(lines)


def _rows(count: int, split_record: Mapping[str, Any]) -> str:
    """Count the test set: customers, or rows where a customer has several."""
    side = split_record["sides"]["test"]
    if side["customers"] in (None, side["rows"]):
        return f"{count:,} customers"
    return f"{count:,} rows of {side['customers']:,} customers"


def _beside(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )


def _labelled(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        f"{label:<{len(_INDENT)}}{text}",
        _WIDTH,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )


def _decisions(economics: Mapping[str, Any], campaign: Campaign, currency: str) -> list[str]:
    policies = economics["policies"]
    threshold = economics["threshold"]
    whom = (
        "whose expected profit is positive (each has their own break-even)"
        if threshold is None
        else f"whose churn probability exceeds the break-even, {threshold:.3f}"
    )
    profit = _plain_blanks(formats.interval(policies["model"]["profit_per_customer"]))
    everyone = formats.number(policies["contact_everyone"]["profit_per_customer"]["value"])
    empc = _plain_blanks(formats.interval(economics["empc"]))
    total = f"{formats.about(campaign.profit['value'])} {currency}"
    between = _plain_blanks(formats.about_bounds(campaign.profit))
    return [
        f"Decisions  contact the {policies['model']['contacted_share']:.1%} of customers {whom}",
        *_beside(
            f"profit {profit} {currency} per customer; contacting everyone would earn {everyone}"
        ),
        *_beside(f"{total} {between} in total for {campaign.base} ({campaign.customers:,})"),
        *_beside(
            f"expected maximum profit (EMPC) {empc} {currency} per customer, "
            f"{economics['empc_fraction']['value']:.0%} of the optimum"
        ),
    ]


def _plain_blanks(text: str) -> str:
    return text.replace("\u00a0", " ")


def _verdict(gates: Mapping[str, Any]) -> list[str]:
    checked = gates["gates"]
    failed = [gate["gate"] for gate in checked if gate["passed"] is False]
    verdict = formats.count_passed([gate["passed"] for gate in checked])
    if failed:
        verdict += f"; FAILED: {', '.join(failed)}"
    return _labelled("Gates", verdict)

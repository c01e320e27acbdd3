"""A campaign in a few sentences, for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from churn_pipeline.campaigns.power import POWER


def summarise(document: Mapping[str, Any], currency: str) -> Iterator[str]:
    """Say what a draft or a confirmed campaign does, takes and can show.

    Parameters
    ----------
    document : mapping
        See :func:`churn_pipeline.campaigns.draft.draft_campaign`.
    currency : str
        Of the amounts.
    """
    who, expected = document["customers"], document["expected"]
    yield (
        f"{document['campaign']}: {who['contacted']:,} of {who['scored']:,} scored customers to "
        f"contact, {who['held_out']:,} held out; scores of {document['as_of']}, model "
        f"{document['model_version']}"
    )
    for reason, number in who["suppressed"].items():
        yield f"not to contact: {number:,} ({reason})"
    yield (
        f"expected: profit {_money(expected['profit'], currency)} at a cost of "
        f"{_money(expected['cost'], currency)}; {expected['churners_without_contact']:,.0f} of the "
        "contacted would churn otherwise, and take "
        f"{_money(expected['value_at_risk'], currency)} with them"
    )
    yield from _limits(document["limits"], currency)
    yield from _test(document)


def _limits(limits: list[Mapping[str, Any]], currency: str) -> Iterator[str]:
    binding = [limit for limit in limits if limit["binds"]]
    if not binding:
        yield "no limit binds: everyone whom it pays to contact is selected"
    for limit in binding:
        unit = f"1 {currency}" if limit["name"] == "budget" else "contact"
        yield (
            f"the {limit['name']} of {limit['limit']:,.0f} binds: one more {unit} would bring "
            f"{_money(limit['shadow_price'], currency)}"
        )


def _test(document: Mapping[str, Any]) -> Iterator[str]:
    test, share = document["test"], document["held_out_share"]
    if not document["customers"]["selected"]:
        return
    if share == 0:
        yield "nobody is held out, so the effect of this campaign cannot be measured"
        return
    rate, effect = test["churn_rate_without_contact"], test["expected_effect"]
    said = (
        f"if the assumptions hold, churn falls from {rate:.1%} to {rate - effect:.1%}, which this "
        f"campaign would show with a probability of {test['power']:.0%}"
    )
    if test["power"] >= POWER:
        yield said
        return
    smallest = test["detectable_effect"]
    shows = (
        "no fall at all" if smallest is None else f"a fall of {100 * smallest:.1f} points or more"
    )
    remedy = (
        f"{test['customers_needed']:,} selected customers would do"
        if test["customers_needed"]
        else "no number of customers would do"
    )
    yield f"{said}: too few customers. It can show {shows} with {POWER:.0%}; {remedy}"


def _money(amount: float, currency: str) -> str:
    return f"{amount:,.2f} {currency}"


def summarise_result(
    document: Mapping[str, Any], result: Mapping[str, Any], currency: str
) -> Iterator[str]:
    """Say what came of a campaign.

    Parameters
    ----------
    document : mapping
        See :func:`churn_pipeline.campaigns.draft.draft_campaign`.
    result : mapping
        See :func:`churn_pipeline.campaigns.result.measure_campaign`.
    currency : str
    """
    rates, who = result["churn_rate"], result["customers"]
    effect = result["adjusted_effect"] or result["effect"]
    unknown = who["contacted_unknown"] + who["held_out_unknown"]
    yield (
        f"{document['campaign']}: churn {rates['contacted']['value']:.1%} of {who['contacted']:,} "
        f"contacted, {rates['held_out']['value']:.1%} of {who['held_out']:,} held out"
        + (f"; the outcome of {unknown:,} customers is unknown" if unknown else "")
    )
    points = [100 * effect[key] for key in ("value", "low", "high")]
    verdict = "contacting kept customers"
    if effect["low"] <= 0:
        verdict = "contacting drove customers away" if effect["high"] < 0 else "no effect is shown"
    yield (
        f"contacting lowers churn by {points[0]:.1f} [{points[1]:.1f}, {points[2]:.1f}] points: "
        f"{verdict}"
    )
    kept, profit = result["kept"], result["profit"]
    yield (
        f"kept: {kept['value']:,.0f} [{kept['low']:,.0f}, {kept['high']:,.0f}] customers"
        + (
            f", for {_money(result['cost_per_kept'], currency)} each"
            if result["cost_per_kept"] is not None
            else ""
        )
    )
    costs = (
        f"costs of {_money(result['cost'], currency)}; expected were "
        f"{_money(result['expected_profit'], currency)}"
    )
    if profit is None:
        yield f"profit: too few customers in an arm to tell; {costs}"
    else:
        ends = [f"{profit[key]:,.2f}" for key in ("value", "low", "high")]
        yield f"profit: {ends[0]} [{ends[1]}, {ends[2]}] {currency} after {costs}"
    for action in result["actions"]:
        if "found_acceptance" in action:
            found = action["found_acceptance"]
            yield (
                f"{action['name']}: {found['value']:.0%} [{found['low']:.0%}, {found['high']:.0%}] "
                f"of the churners accepted, {action['assumed_acceptance']:.0%} were assumed; to "
                f"assume next: acceptance_alpha {action['next_alpha']:g}, acceptance_beta "
                f"{action['next_beta']:g}"
            )

"""The choice among the candidates: the cheapest of those that may well be the best."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from churn_pipeline.modeling.candidates import BASELINE


def choose_champion(
    cross_validation: pd.DataFrame,
    comparisons: Sequence[Mapping[str, Any]],
    scoring_costs: Mapping[str, float],
) -> dict[str, Any]:
    """Choose the cheapest to score among the candidates not significantly worse than the best.

    The best has the lowest mean log loss over the folds. The baseline is there to be beaten and
    cannot be chosen.

    Parameters
    ----------
    cross_validation : DataFrame
        As :func:`churn_pipeline.modeling.cross_validation.score_folds` returns it.
    comparisons : sequence of mapping
        As :func:`churn_pipeline.statistics.comparison.compare_candidates` returns it.
    scoring_costs : mapping of str to float
        Operations that it takes to score one customer, by candidate.

    Returns
    -------
    dict
        ``champion``, ``runner_up`` (the best of the others; None if there is none), ``criterion``,
        ``reason`` (a sentence), ``candidates`` (means and standard deviations over the folds,
        scoring cost) and ``comparisons``.
    """
    figures: dict[str, dict[str, Any]] = {
        str(name): {
            metric: {
                "mean": round(float(group[metric].mean()), 6),
                "std": round(float(group[metric].std(ddof=1)), 6),
            }
            for metric in ("log_loss", "roc_auc")
        }
        | {"scoring_cost": round(float(scoring_costs[str(name)]), 1)}
        for name, group in cross_validation.groupby("candidate", sort=True)
    }
    eligible = sorted(
        (name for name in figures if name != BASELINE),
        key=lambda name: (figures[name]["log_loss"]["mean"], name),
    )
    best = eligible[0]
    tied = {name for name in eligible if not _is_worse(name, best, comparisons)}
    champion = min(tied, key=lambda name: (scoring_costs[name], eligible.index(name)))
    others = [name for name in eligible if name != champion]
    return {
        "champion": champion,
        "runner_up": others[0] if others else None,
        "criterion": "log_loss",
        "reason": _reason(champion, best, figures, comparisons)
        + _versus_baseline(champion, comparisons),
        "candidates": figures,
        "comparisons": list(comparisons),
    }


def _is_worse(name: str, best: str, comparisons: Sequence[Mapping[str, Any]]) -> bool:
    return name != best and bool(_comparison(name, best, comparisons)["significant"])


def _comparison(
    name: str, other: str, comparisons: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    return next(c for c in comparisons if {c["candidate"], c["other"]} == {name, other})


def _versus_baseline(champion: str, comparisons: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence if the champion does not beat the baseline significantly."""
    pairs = ({c["candidate"], c["other"]} for c in comparisons)
    if {champion, BASELINE} not in pairs:
        return ""
    comparison = _comparison(champion, BASELINE, comparisons)
    if comparison["significant"] and comparison["candidate"] == BASELINE:
        return ""
    return (
        f" {champion} is not significantly better than plain logistic regression on the columns of "
        "the file."
    )


def _reason(
    champion: str,
    best: str,
    figures: Mapping[str, Mapping[str, Any]],
    comparisons: Sequence[Mapping[str, Any]],
) -> str:
    loss = figures[best]["log_loss"]["mean"]
    if champion == best:
        worse = [
            name
            for name in figures
            if name not in (best, BASELINE) and _is_worse(name, best, comparisons)
        ]
        if len(worse) == len(set(figures) - {best, BASELINE}):
            rest = "all others are significantly worse" if worse else "it is the only candidate"
        else:
            rest = "no candidate that is cheaper to score is statistically as good"
        return f"{best} has the lowest mean log loss ({loss:.4f}), and {rest}."
    comparison = _comparison(champion, best, comparisons)
    gap = figures[champion]["log_loss"]["mean"] - loss
    return (
        f"{best} has the lowest mean log loss ({loss:.4f}); {champion} is not significantly worse "
        f"(+{gap:.4f}, p = {comparison['p_value_holm']:.2g} after Holm's correction) and scores a "
        f"customer in {figures[champion]['scoring_cost']:,.0f} operations instead of "
        f"{figures[best]['scoring_cost']:,.0f}."
    )

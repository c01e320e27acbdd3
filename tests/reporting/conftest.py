from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from churn_pipeline.contract import Contract
from churn_pipeline.contract.expressions import Expression
from churn_pipeline.contract.model import Column, DerivedColumn
from churn_pipeline.evaluation.metric_definitions import METRICS
from churn_pipeline.evaluation.period_metrics import METRICS as PERIOD_METRICS
from churn_pipeline.reporting.drawing import DPI
from churn_pipeline.reporting.embedding import png
from churn_pipeline.reporting.model_card import FIGURES

VALUES = {
    "roc_auc": (0.844256, 0.823143, 0.866102),
    "average_precision": (0.674927, 0.626113, 0.72075),
    "log_loss": (0.419823, 0.393878, 0.448002),
    "brier_score": (0.137444, 0.127616, 0.148001),
    "expected_calibration_error": (0.025665, 0.0, 0.036367),
    "calibration_slope": (0.984312, 0.872104, 1.09652),
    "calibration_intercept": (-0.041207, -0.178113, 0.095699),
    "accuracy": (0.692415, 0.669451, 0.716771),
    "precision": (0.469697, 0.432099, 0.508197),
    "recall": (0.867684, 0.834646, 0.900763),
    "f1": (0.609473, 0.574586, 0.643373),
    "recall_at_top": (0.279135, 0.252405, 0.310848),
    "lift_at_top": (2.791349, 2.52405, 3.108477),
}
LOSSES = {
    "lightgbm": (0.414213, 0.018321, 0.848812, 0.014002, 1523.4),
    "xgboost": (0.414902, 0.017805, 0.847903, 0.013871, 1204.0),
    "logistic_regression": (0.415877, 0.018704, 0.847112, 0.013905, 41.0),
    "random_forest": (0.423651, 0.016022, 0.842218, 0.014566, 941.7),
    "baseline": (0.424809, 0.018955, 0.840127, 0.014111, 46.0),
}


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def selection() -> dict[str, Any]:
    names = list(LOSSES)
    p_values = {("random_forest", "lightgbm"): 0.000031, ("baseline", "lightgbm"): 0.000871}
    return {
        "champion": "logistic_regression",
        "best": "lightgbm",
        "runner_up": "lightgbm",
        "criterion": "log_loss",
        "reason": (
            "lightgbm has the lowest mean log loss (0.4142); logistic_regression loses 0.0017 "
            "more, with confidence at most 0.0044 (limit 0.005), and scores a customer in 41 "
            "operations instead of 1,523, 37.1 times as cheap."
        ),
        "candidates": {
            name: {
                "log_loss": {"mean": loss, "std": loss_std},
                "roc_auc": {"mean": auc, "std": auc_std},
                "scoring_cost": cost,
                **({} if name == "baseline" else {"settings": {"C": 0.31234567, "knots": 3}}),
            }
            for name, (loss, loss_std, auc, auc_std, cost) in sorted(LOSSES.items())
        },
        "comparisons": [
            {
                "candidate": worse,
                "other": better,
                "difference": round(LOSSES[worse][0] - LOSSES[better][0], 6),
                "low": round(LOSSES[worse][0] - LOSSES[better][0] - 0.004321, 6),
                "high": round(LOSSES[worse][0] - LOSSES[better][0] + 0.004321, 6),
                "p_value": p_values.get((worse, better), 0.31) / 2,
                "p_value_holm": p_values.get((worse, better), 0.623412),
                "significant": (worse, better) in p_values,
            }
            for place, better in enumerate(names)
            for worse in names[place + 1 :]
        ],
        "calibration": {
            "method": "none",
            "tried": {
                "sigmoid": {
                    "log_loss_before": 0.415877, "log_loss_after": 0.416002, "p_value": 0.712345,
                },
                "isotonic": {
                    "log_loss_before": 0.415877, "log_loss_after": 0.419254, "p_value": 0.998761,
                },
            },
        },
    }  # fmt: skip


def economics() -> dict[str, Any]:
    zero = interval(0.0, 0.0, 0.0)
    return {
        "assumptions": {
            "customer_lifetime_value": 200,
            "incentive_cost": 10,
            "contact_cost": 1,
            "acceptance_alpha": 6,
            "acceptance_beta": 14,
        },
        "threshold": 0.164179,
        "empc": interval(10.517203, 9.203115, 11.870426),
        "empc_fraction": interval(0.709812, 0.678123, 0.741209),
        "best_share": 0.487126,
        "policies": {
            "model": {
                "contacted_share": 0.505219,
                "profit_per_customer": interval(10.398745, 9.104331, 11.716012),
                "difference_to_model": zero,
            },
            "runner_up": {
                "contacted_share": 0.498956,
                "profit_per_customer": interval(10.301177, 9.012345, 11.612345),
                "difference_to_model": interval(0.097568, -0.101234, 0.298765),
            },
            "contact_everyone": {
                "contacted_share": 1.0,
                "profit_per_customer": interval(7.323591, 5.811203, 8.812345),
                "difference_to_model": interval(3.075154, 2.601234, 3.520987),
            },
            "contact_no_one": {
                "contacted_share": 0.0,
                "profit_per_customer": zero,
                "difference_to_model": interval(10.398745, 9.104331, 11.716012),
            },
            "random": {
                "contacted_share": 0.505219,
                "profit_per_customer": interval(3.700017, 2.901234, 4.498765),
                "difference_to_model": interval(6.698728, 5.901112, 7.523456),
            },
        },
        "tiers": [
            {
                "tier": name,
                "minimum": low,
                "maximum": high,
                "customers": customers,
                "share": customers / 1437,
                "churn_rate": rate,
                "mean_churn_probability": mean,
                "contacted": contacted,
                "action": action,
            }
            for name, low, high, customers, rate, mean, contacted, action in [
                ("low", 0.0, 0.3, 879, 0.094425, 0.098821, 157, "add to the newsletter"),
                ("medium", 0.3, 0.6, 352, 0.448864, 0.441207, 352, "send an offer by e-mail"),
                ("high", 0.6, 0.8, 206, 0.737864, 0.690112, 206, "call, with an offer"),
                ("critical", 0.8, 1.0, 0, None, None, 0, "call today, offer a better contract"),
            ]
        ],
    }


def fairness() -> dict[str, Any]:
    def group(customers: int, shift: float) -> dict[str, Any]:
        return {
            "customers": customers,
            "churn_rate": interval(0.2531 + shift, 0.2217 + shift, 0.2854 + shift),
            "selection_rate": interval(0.4712 + shift, 0.4342 + shift, 0.5083 + shift),
            "recall": interval(0.8544 + shift / 4, 0.8012 + shift / 4, 0.9034 + shift / 4),
            "precision": interval(0.4588 + shift, 0.4102 + shift, 0.5077 + shift),
            "calibration_error": interval(0.0087 - shift / 9, -0.0191, 0.0362),
        }

    small = {**group(3, 0.0), "recall": None, "precision": None}
    return {
        "columns": {
            "sex": {"groups": {"<script>": group(711, 0.0), "men | boys": group(726, 0.0213)}},
            "is_senior": {
                "groups": {"0": group(1190, -0.0312), "1": group(244, 0.1602), "": small}
            },
        },
        "differences": [
            {
                "column": column,
                "group": name,
                "metric": metric,
                "difference": 0.1914,
                "p_value_holm": 0.000012 if flagged else 0.7,
                "beyond_noise": flagged,
            }
            for column, name, flagged in [("sex", "<script>", False), ("is_senior", "1", True)]
            for metric in ("selection_rate", "recall", "precision", "calibration_error")
            if flagged is False or metric in ("selection_rate", "calibration_error")
        ],
        "warnings": [
            "is_senior: the churn probabilities of customers with 1 are 6.1 points too low on "
            "average, those of the others 0.4 points too high (Holm p < 0.001)."
        ],
        "consequences": [
            "is_senior: customers with 1 are contacted in 63.1% of cases, the others in 44.0%; "
            "they churn in 41.3%, the others in 22.2% (Holm p < 0.001)."
        ],
        "notes": ["is_senior, recall of the 3 customers without a value: not judged, too few."],
    }


def gates() -> dict[str, Any]:
    lines = [
        ("minimum_roc_auc", 0.8, 0.844256, True, "interval 0.8231 to 0.8661"),
        ("minimum_calibration_slope", 0.8, 0.984312, True, "interval 0.8721 to 1.0965"),
        ("maximum_scoring_milliseconds", 50, None, True, None),
        ("no_regression", True, None, True, None),
    ]
    names = ("gate", "limit", "value", "passed", "detail")
    return {"passed": True, "gates": [dict(zip(names, line, strict=True)) for line in lines]}


def split_record() -> dict[str, Any]:
    """The record of a split by customer, without dates."""
    sides = {"training": (5606, 1476), "test": (1437, 393)}
    return {
        "method": "customer",
        "period": None,
        "test_periods": None,
        "gap_days": None,
        "gap_from": None,
        "last_training_snapshot": None,
        "first_test_snapshot": None,
        "sides": {
            **{
                side: {
                    "rows": rows, "customers": rows, "churners": churners,
                    "churn_rate": churners / rows, "first_snapshot": None, "last_snapshot": None,
                }
                for side, (rows, churners) in sides.items()
            },
            "gap": None,
        },
        "customers_on_both_sides": 0,
        "periods": [],
        "notes": [],
    }  # fmt: skip


def metrics_by_period(training: dict[str, float], test: dict[str, float]) -> pd.DataFrame:
    """Periods and their churn rates."""
    lines = []
    for side, rates in (("training", training), ("test", test)):
        for period, rate in rates.items():
            line: dict[str, Any] = {"side": side, "period": period, "rows": 1234, "churners": 321}
            for place, name in enumerate(PERIOD_METRICS):
                value = rate + place / 10
                line |= {name: value, f"{name}_low": value - 0.03, f"{name}_high": value + 0.04}
            lines.append(line)
    return pd.DataFrame(lines)


@pytest.fixture(scope="session")
def small_contract() -> Contract:
    """A table unlike the default one, with hostile texts."""
    columns = [
        Column("id", "text", ("id",), "Number of the customer."),
        Column("joined", "text", ("ignored",), "Day of the first contract."),
        Column("sex", "category", ("sensitive",), "Sex | on record.", values=("<script>", "m")),
        Column("is_senior", "category", ("feature", "sensitive"), "65 or older.", None, ("0", "1")),
        Column("months", "integer", ("feature",), "Time with us.", "months", (), 0, 99),
        Column("plan_*x*", "category", ("feature",), "Plan.", values=tuple("abcdefgh")),
        Column("fee", "number", ("feature",), "Monthly fee; <b>net</b>.", "EUR", minimum=0),
        Column("left", "category", ("target",), "Left within 30 days.", values=("n", "y"),
               positive="y"),
    ]  # fmt: skip
    return Contract(
        name="gym_members",
        description="# One row per member of a <i>gym</i> at the end of a month.",
        missing_values=("",),
        columns=MappingProxyType({column.name: column for column in columns}),
        derived_columns=(
            DerivedColumn("fee_a_month", Expression("fee / (months + 1)"), "Fee by time.", "EUR"),
        ),
    )


@pytest.fixture
def outputs(small_contract: Contract) -> dict[str, Any]:
    """What the pipelines hand to the model card."""
    return card_outputs(small_contract)


def card_outputs(small_contract: Contract) -> dict[str, Any]:
    """What the pipelines hand to the model card; new at every call."""
    random = np.random.default_rng(0)
    n = 5606
    days = pd.Timestamp("2024-01-31") + pd.to_timedelta(random.integers(0, 500, n), unit="D")
    train = pd.DataFrame(
        {
            "id": [str(i) for i in range(n)],
            "joined": days.strftime("%Y-%m-%d").astype("str"),
            "sex": "m",
            "is_senior": "0",
            "months": 3.0,
            "plan_*x*": "a",
            "fee": 20.0,
            "left": np.where(np.arange(n) < 1476, "y", "n"),
        }
    )
    inputs = ["months", "fee", "plan_*x*", "is_senior", "fee_a_month"]
    return {
        "metrics": {name: interval(*VALUES.get(name, (0.5, 0.4, 0.6))) for name in METRICS},
        "selection": selection(),
        "delong": {
            "runner_up": {
                "candidate": "lightgbm", "roc_auc": 0.845871, "difference": -0.001615,
                "low": -0.006102, "high": 0.002872, "p_value": 0.480551,
            },
            "baseline": {
                "candidate": "baseline", "roc_auc": 0.838012, "difference": 0.006244,
                "low": 0.001633, "high": 0.010855, "p_value": 0.00794,
            },
        },
        "economics": economics(),
        "fairness": fairness(),
        "gates": gates(),
        "reason_stability": {
            "refits": 5,
            "training_rows": 5602,
            "customers": 1000,
            "least_association": 0.8,
            "alike": [["months", "visits"]],
            "single": {"same_first": 0.788, "same_reasons": 0.8512},
            "grouped": {"same_first": 0.877, "same_reasons": 0.9031},
        },
        "shap_importance": pd.DataFrame(
            {
                "input": inputs,
                "meaning": ["Time with us.", "Fee; <b>net</b>.", "Plan.", "65 or older.", "Fee."],
                "mean_absolute_shap": [0.741235, 0.402346, 0.298714, 0.081234, 0.012346],
                "share": [0.482587, 0.261952, 0.194479, 0.052888, 0.008094],
            }
        ),
        "data_quality": {
            "contract": "gym_members",
            "source": {"name": "mine_<24>.csv", "sha256": "458e84840caf3f9e" * 4},
            "rows_read": 7046,
            "rows_accepted": 7043,
            "rows_rejected": 3,
            "rejected_share": 0.000426,
            "rejected_by_rule": {"range (months)": 2, "<b>bold</b>": 1},
            "completeness": dict.fromkeys(train.columns, 0.987654),
            "unexpected_columns": ["note`s"],
        },
        "test_predictions": pd.DataFrame({"churned": [1] * 393 + [0] * 1044}),
        "train": train,
        "split_record": split_record(),
        "metrics_by_period": metrics_by_period({"all": 0.2}, {"all": 0.25}),
        "contract": small_contract,
        "evaluation": {
            "top_share": 0.1,
            "calibration_bins": 10,
            "confidence": 0.95,
            "replicates": 1000,
            "seed": 101,
        },
        "training": {
            "folds": 5,
            "repeats": 2,
            "confidence": 0.95,
            "cost_ratio": 3,
            "margin": 0.001,
            "calibrators": ["sigmoid", "isotonic"],
            "seed": 102,
        },
        "tuning": {
            "trials": 12,
            "patience": 6,
            "minimum_improvement": 0.0002,
            "max_seconds": None,
            "folds": 5,
            "workers": None,
            "seed": 103,
        },
        "split": {"test_share": 0.2, "seed": 104},
        "currency": "CHF",
    }  # fmt: skip


@pytest.fixture(scope="session")
def pictures() -> dict[str, bytes]:
    """A small picture for every figure of the card, the last one wider than a telephone."""
    drawn = {}
    for name in FIGURES:
        stem = name.removesuffix(".png")
        figure = Figure(figsize=(9.9, 4) if stem == "shap_dependence" else (4.6, 3.5), dpi=DPI)
        figure.subplots().plot(np.arange(3))
        drawn[stem] = png(figure)
    return drawn

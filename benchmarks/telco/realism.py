"""Measure how closely simulated customers resemble the reference data set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.telco.schema import LEVELS

NUMERIC = ("tenure", "MonthlyCharges", "TotalCharges")
RATE_GROUPS = ("Contract", "InternetService", "PaymentMethod")

SHARE_TOLERANCE = 0.015
RATE_TOLERANCE = 0.04
MEAN_TOLERANCE = 0.03
MAX_DISCRIMINATION = 0.65
MIN_TRANSFER = 0.82


@dataclass(frozen=True)
class Measurement:
    """One realism target and the value measured for it.

    Attributes
    ----------
    target
        What is measured.
    value
        The measured value.
    limit
        The limit of the target.
    at_most
        Whether the value must not exceed the limit; otherwise it must reach it.
    detail
        Where the value is worst, if the target covers several cells.
    """

    target: str
    value: float
    limit: float
    at_most: bool = True
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit


def with_numeric_totals(customers: pd.DataFrame) -> pd.DataFrame:
    """Copy of a raw table with TotalCharges in dollars, missing where blank."""
    totals = pd.to_numeric(customers["TotalCharges"], errors="coerce")
    return customers.assign(TotalCharges=totals)


def share_gaps(real: pd.DataFrame, simulated: pd.DataFrame) -> pd.Series:
    """Absolute difference of every level's share, indexed ``Column=Level``."""

    def shares(table: pd.DataFrame) -> pd.Series:
        indicators = pd.get_dummies(table[list(LEVELS)].astype("str"), prefix_sep="=")
        return indicators.mean()

    return shares(real).sub(shares(simulated), fill_value=0.0).abs()


def churn_rate_gaps(real: pd.DataFrame, simulated: pd.DataFrame) -> pd.Series:
    """Absolute difference of the churn rate by contract, internet, payment and tenure quartile.

    The edges of the tenure quartiles are those of the real customers.
    """
    edges = real["tenure"].quantile([0.25, 0.5, 0.75]).tolist()

    def rates(table: pd.DataFrame) -> pd.Series:
        churned = table["Churn"].eq("Yes").astype(float)
        quartile = pd.cut(table["tenure"], [-np.inf, *edges, np.inf], labels=["1", "2", "3", "4"])
        groups = {column: table[column] for column in RATE_GROUPS}
        groups["tenure quartile"] = quartile.astype("str")
        return pd.concat(
            {
                name: churned.groupby(group, observed=True).mean().rename_axis(None)
                for name, group in groups.items()
            }
        )

    gaps = (rates(real) - rates(simulated)).abs()
    return gaps.fillna(1.0).set_axis([f"{name}={level}" for name, level in gaps.index])


def mean_gaps(real: pd.DataFrame, simulated: pd.DataFrame) -> pd.Series:
    """Absolute difference of the numeric means, relative to the real mean."""
    means = [with_numeric_totals(table)[list(NUMERIC)].mean() for table in (real, simulated)]
    return (means[1] / means[0] - 1).abs()


def discrimination_auc(real: pd.DataFrame, simulated: pd.DataFrame, seed: int = 0) -> float:
    """Cross-validated ROC-AUC of boosted trees that tell real from simulated customers.

    They see every column except customerID, and what would give a careless simulator away: the
    cents of the charges and how TotalCharges departs from tenure times MonthlyCharges. 0.5
    means they cannot tell. The larger table is cut to the size of the smaller one.

    Parameters
    ----------
    real, simulated
        Raw tables.
    seed
        Seed of the sampling and of the folds.

    Returns
    -------
    float
        Between 0 and 1.
    """
    size = min(len(real), len(simulated))
    parts = [table.sample(size, random_state=seed) for table in (real, simulated)]
    features = _discriminator_features(pd.concat(parts, ignore_index=True))
    is_simulated = np.repeat([0, 1], size)
    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=120,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        categorical_features="from_dtype",
        random_state=seed,
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    # On a busy machine the threads of such small fits spend their time waiting for each other.
    with threadpool_limits(1):
        scores = cross_val_score(model, features, is_simulated, cv=folds, scoring="roc_auc")
    return float(scores.mean())


def _discriminator_features(customers: pd.DataFrame) -> pd.DataFrame:
    """Raw columns, coded, and the arithmetic traces of how the charges were made."""
    table = with_numeric_totals(customers)
    features = table.drop(columns="customerID")
    for column in LEVELS:
        features[column] = features[column].astype("str").astype("category")
    expected = table["tenure"] * table["MonthlyCharges"]
    cents = (100 * table["MonthlyCharges"]).round()
    return features.assign(
        drift=table["TotalCharges"] - expected,
        relative_drift=table["TotalCharges"] / expected.where(expected > 0) - 1,
        cents=cents % 100,
        last_cent=cents % 5,
        total_cents=(100 * table["TotalCharges"]).round() % 100,
    )


def transfer_auc(real: pd.DataFrame, simulated: pd.DataFrame) -> float:
    """ROC-AUC on the real customers of a logistic regression fitted to simulated ones."""
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), [c for c in LEVELS if c != "Churn"]),
        (StandardScaler(), ["log_tenure", "MonthlyCharges"]),
    )
    model = make_pipeline(encoder, LogisticRegression(max_iter=2000))
    with threadpool_limits(1):
        model.fit(_churn_features(simulated), simulated["Churn"].eq("Yes"))
        scores: NDArray[np.float64] = model.predict_proba(_churn_features(real))[:, 1]
    return float(roc_auc_score(real["Churn"].eq("Yes"), scores))


def _churn_features(customers: pd.DataFrame) -> pd.DataFrame:
    return customers.assign(
        SeniorCitizen=customers["SeniorCitizen"].astype("str"),
        log_tenure=np.log1p(customers["tenure"]),
    )


def measure(
    real: pd.DataFrame, simulated: pd.DataFrame, training_rows: int = 7000
) -> Iterator[Measurement]:
    """Measure every realism target.

    Parameters
    ----------
    real, simulated
        Raw tables as read from CSV or as simulated.
    training_rows
        Simulated customers that the transferred churn model is fitted to, at most.

    Yields
    ------
    Measurement
        One for each target.
    """
    gaps = {
        "largest gap of a share": (share_gaps(real, simulated), SHARE_TOLERANCE),
        "largest gap of a churn rate": (churn_rate_gaps(real, simulated), RATE_TOLERANCE),
        "largest relative gap of a mean": (mean_gaps(real, simulated), MEAN_TOLERANCE),
    }
    for target, (gap, limit) in gaps.items():
        yield Measurement(target, float(gap.max()), limit, detail=str(gap.idxmax()))
    auc = discrimination_auc(real, simulated)
    yield Measurement("AUC real against simulated", auc, MAX_DISCRIMINATION)
    auc = transfer_auc(real, simulated.head(training_rows))
    yield Measurement("AUC of transfer to real", auc, MIN_TRANSFER, at_most=False)

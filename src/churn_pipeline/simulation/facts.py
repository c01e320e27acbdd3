"""Typed access to the facts about the reference data set that calibrate the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True)
class TenureBand:
    """Months of tenure that are equally likely.

    Attributes
    ----------
    first, last
        First and last month of the band, both included.
    share
        Share of the contract's customers in the band.
    """

    first: int
    last: int
    share: float


@dataclass(frozen=True)
class Split:
    """One step of the chain: a logistic model that moves customers between two levels.

    Attributes
    ----------
    column
        The column that is being decided.
    origin, target
        Customers at level ``origin`` move to level ``target`` with the model's probability.
    among
        A factor that must not be zero for a customer to move; empty if all may.
    intercept
        Log-odds of moving where every term is zero.
    terms
        Log-odds added per unit of each term; see :mod:`churn_pipeline.simulation.terms`.
    """

    column: str
    origin: str
    target: str
    among: str
    intercept: float
    terms: Mapping[str, float]


@dataclass(frozen=True)
class Charges:
    """How bills come about.

    Attributes
    ----------
    prices
        Dollars a month for each service, keyed by the factor that says who has it.
    price_noise
        Standard deviation of one service's price between customers, dollars a month.
    total_drift
        Standard deviation of TotalCharges around tenure times MonthlyCharges, in dollars,
        for one dollar of monthly charge and one month after the first; it grows with the
        square root of both.
    """

    prices: Mapping[str, float]
    price_noise: float
    total_drift: float


@dataclass(frozen=True)
class Facts:
    """Everything the simulator knows about the reference data set.

    Attributes
    ----------
    contract_shares
        Share of customers per contract.
    tenure_bands
        Distribution of tenure per contract.
    splits
        The chain of logistic models in the order in which the columns are drawn, churn last.
    charges
        Prices and deviations of the bills.
    """

    contract_shares: Mapping[str, float]
    tenure_bands: Mapping[str, tuple[TenureBand, ...]]
    splits: tuple[Split, ...]
    charges: Charges


def parse_facts(text: str) -> Facts:
    """Parse the YAML text of a facts file.

    Raises
    ------
    KeyError, TypeError
        If a section or an entry is missing or misspelled.
    """
    raw: dict[str, Any] = yaml.safe_load(text)
    return Facts(
        contract_shares=raw["contract_shares"],
        tenure_bands={
            contract: tuple(TenureBand(*band) for band in bands)
            for contract, bands in raw["tenure_bands"].items()
        },
        splits=tuple(Split(**split) for split in raw["splits"]),
        charges=Charges(**raw["charges"]),
    )


@cache
def load_facts() -> Facts:
    """Load the facts shipped with the package."""
    path = files("churn_pipeline.simulation").joinpath("telco_facts.yml")
    return parse_facts(path.read_text(encoding="utf-8"))

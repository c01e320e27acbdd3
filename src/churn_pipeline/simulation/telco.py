"""Draw customers that look like the Telco data set, with a known churn probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.simulation.charges import (
    STEPS_PER_DOLLAR,
    Steps,
    draw_monthly_charges,
    draw_total_charges,
)
from churn_pipeline.simulation.draws import (
    draw_customer_ids,
    draw_levels,
    draw_tenure,
    split_candidates,
    split_probability,
    systematic_sample,
)
from churn_pipeline.simulation.facts import Facts, Split, load_facts
from churn_pipeline.simulation.schema import ADD_ONS, COLUMNS, LEVELS
from churn_pipeline.simulation.terms import code_of

CodeTable = dict[str, NDArray[np.int8]]


@dataclass(frozen=True)
class Simulation:
    """A simulated population.

    Attributes
    ----------
    customers
        One row per customer with the 21 raw columns of the Telco file. TotalCharges holds
        strings, ``" "`` at tenure 0; MonthlyCharges holds dollars as floats.
        ``to_csv(index=False, float_format="%g")`` writes it as the published file is written.
    truth
        In the same order, ``customerID`` and ``churn_probability``, the probability from which
        Churn was drawn, rounded to 9 decimals.
    """

    customers: pd.DataFrame
    truth: pd.DataFrame


def simulate_customers(n_customers: int, seed: int) -> Simulation:
    """Simulate customers of a telephone and internet company.

    The same arguments give the same customers on every machine. Each customer follows the
    modelled distribution, and shares within a population are balanced: they scatter less around
    their expectation than in a sample of independent customers (to study sampling itself, draw rows
    at random from a large population). Given its probability, Churn is independent between
    customers.

    Parameters
    ----------
    n_customers
        Number of customers, at least 1.
    seed
        Seed of the random numbers, not negative.

    Returns
    -------
    Simulation
        The raw table and, apart from it, the true churn probabilities.

    Raises
    ------
    ValueError
        If ``n_customers`` is less than 1.
    """
    if n_customers < 1:
        raise ValueError(f"n_customers must be at least 1, got {n_customers}.")
    rng = np.random.Generator(np.random.PCG64(seed))
    facts = load_facts()
    *profile, churn = facts.splits
    codes = _draw_contracts(facts, n_customers, rng)
    for split in profile:
        rows, chance = _chances(split, codes)
        moved = rows[systematic_sample(chance, rng)]
        codes[split.column][moved] = code_of(split.column, split.target)
    monthly = draw_monthly_charges(facts.charges, codes, rng)
    total = draw_total_charges(facts.charges, codes["tenure"], monthly, rng)
    probability = np.zeros(n_customers)
    rows, chance = _chances(churn, codes)
    probability[rows] = chance
    codes["Churn"] = (rng.random(n_customers) < probability).astype(np.int8)
    ids = pd.Series(draw_customer_ids(n_customers, rng), dtype="str")
    return Simulation(
        customers=_raw_table(ids, codes, monthly, total),
        truth=pd.DataFrame({"customerID": ids, "churn_probability": probability}),
    )


def _draw_contracts(facts: Facts, n: int, rng: np.random.Generator) -> CodeTable:
    """Draw contract and tenure, the root of the chain."""
    contract = draw_levels([facts.contract_shares[c] for c in LEVELS["Contract"]], n, rng)
    tenure = np.zeros(n, dtype=np.int8)
    for code, level in enumerate(LEVELS["Contract"]):
        own = np.flatnonzero(contract == code)
        tenure[own] = draw_tenure(facts.tenure_bands[level], own.size, rng)
    return {"Contract": contract.astype(np.int8), "tenure": tenure}


def _chances(split: Split, codes: CodeTable) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Positions of a split's candidates and their probabilities; starts its column if new."""
    if split.column not in codes:
        codes[split.column] = _start(split.column, codes)
    rows = split_candidates(split, codes)
    return rows, split_probability(split, {name: code[rows] for name, code in codes.items()})


def _start(column: str, codes: CodeTable) -> NDArray[np.int8]:
    """Level of every customer before the first split of a column."""
    start = np.zeros_like(codes["tenure"])
    if column == "MultipleLines":
        without = codes["PhoneService"] == code_of("PhoneService", "No")
        start[without] = code_of(column, "No phone service")
    if column in ADD_ONS:
        without = codes["InternetService"] == code_of("InternetService", "No")
        start[without] = code_of(column, "No internet service")
    return start


def _raw_table(ids: pd.Series, codes: CodeTable, monthly: Steps, total: Steps) -> pd.DataFrame:
    """Spell the drawn values as the published file does."""
    table: dict[str, pd.Series] = {
        name: pd.Series(pd.Categorical.from_codes(codes[name], pd.Index(levels))).astype("str")
        for name, levels in LEVELS.items()
    }
    table["customerID"] = ids
    table["SeniorCitizen"] = pd.Series(codes["SeniorCitizen"], dtype="int64")
    table["tenure"] = pd.Series(codes["tenure"], dtype="int64")
    table["MonthlyCharges"] = pd.Series(monthly / STEPS_PER_DOLLAR)
    table["TotalCharges"] = _spell_totals(codes["tenure"], total)
    return pd.DataFrame(table, columns=list(COLUMNS))


def _spell_totals(tenure: NDArray[np.int8], total: Steps) -> pd.Series:
    """Totals as strings without trailing zeros, blank at tenure 0."""
    position, distinct = pd.factorize(np.where(tenure > 0, total, -1))
    spelled = [f"{step / STEPS_PER_DOLLAR:.2f}".rstrip("0").rstrip(".") for step in distinct]
    labels = [" " if step < 0 else text for step, text in zip(distinct, spelled, strict=True)]
    return pd.Series(pd.Categorical.from_codes(position, pd.Index(labels))).astype("str")

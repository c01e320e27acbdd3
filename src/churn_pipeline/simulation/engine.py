"""Draw customers of a kind, with known churn probabilities and treatment effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.errors import SimulationError
from churn_pipeline.simulation.any_column import AnyColumn
from churn_pipeline.simulation.chance_columns import Chance
from churn_pipeline.simulation.kind import Kind, Panel, Parameter
from churn_pipeline.simulation.population import Population
from churn_pipeline.simulation.spelling import spell, spell_table

Progress = Callable[[int, int], None]
"""Told how many of how many snapshots are drawn."""


@dataclass(frozen=True)
class Simulation:
    """A simulated population.

    Attributes
    ----------
    customers
        The raw table as a provider would export it; one row per customer, or per account and
        snapshot. ``to_csv(index=False, float_format="%.12g")`` writes it.
    truth
        In the same order: the id, in a panel the snapshot's date, ``churn_probability`` from which
        the target was drawn (rounded to 9 decimals), and, where the kind has a treatment,
        ``treatment_effect``: what the treatment adds to that probability.
    """

    customers: pd.DataFrame
    truth: pd.DataFrame


def simulate(
    kind: Kind,
    customers: int,
    seed: int,
    parameters: Mapping[str, Parameter] | None = None,
    progress: Progress = lambda done, of: None,
) -> Simulation:
    """Draw customers.

    The same arguments give the same customers on every machine. Each customer follows the
    modelled distribution, and shares within a population are balanced: they scatter less around
    their expectation than in a sample of independent customers (to study sampling itself, draw rows
    at random from a large population). Given its probability, churn is independent between
    customers.

    Parameters
    ----------
    kind
        How they are drawn.
    customers
        Number of customers, at least 1; of a panel, the number of accounts.
    seed
        Seed of the random numbers, not negative.
    parameters
        Other values of some of the kind's parameters.
    progress
        Called after each snapshot of a panel.

    Returns
    -------
    Simulation
        The raw table and, apart from it, the truth.

    Raises
    ------
    SimulationError
        If ``customers`` is less than 1, or the kind has a formula that cannot be evaluated.
    """
    if customers < 1:
        raise SimulationError(f"customers must be at least 1, got {customers}")
    kind = kind.with_parameters(parameters or {})
    rng = np.random.Generator(np.random.PCG64(seed))
    row = np.arange(1, customers + 1)
    population = Population(size=customers, values={"row": row}, constants=kind.constants)
    churned = _draw(kind, kind.columns, population, rng)
    parts = [population]
    if kind.panel:
        parts = _draw_panel(kind, kind.panel, population, rng, progress)
    elif churned is None:
        raise SimulationError(f"{kind.source}: the target {kind.target} is not drawn")
    truth = [_truth(kind, part) for part in parts]
    return Simulation(customers=spell_table(kind, parts), truth=pd.concat(truth, ignore_index=True))


def _draw(
    kind: Kind,
    columns: Mapping[str, AnyColumn],
    population: Population,
    rng: np.random.Generator,
) -> NDArray[np.bool_] | None:
    """Draw columns one after the other; return who churned if the target is among them."""
    churned = None
    for name, column in columns.items():
        try:
            column.draw(name, population, rng)
            if name == kind.target:
                churned = population.values[name] == 1
            column.blank(name, population, rng)
        except ValueError as error:
            raise SimulationError(f"{kind.source}: columns.{name}: {error}") from None
    return churned


def _draw_panel(
    kind: Kind,
    panel: Panel,
    accounts: Population,
    rng: np.random.Generator,
    progress: Progress,
) -> list[Population]:
    """Draw each snapshot of the accounts that have joined and not yet churned."""
    first, count = (
        int(accounts.constants[parameter]) for parameter in (panel.first, panel.snapshots)
    )
    days = month_ends(first, count)
    is_active = np.ones(accounts.size, dtype=np.bool_)
    parts = []
    for month, day in enumerate(days):
        rows = np.flatnonzero(is_active & (accounts.values[panel.entry] <= day))
        moment = {"month": month, "snapshot": float(day), "last_snapshot": float(days[-1])}
        part = accounts.of(rows, moment)
        churned = _draw(kind, panel.columns, part, rng)
        if churned is None:
            raise SimulationError(f"{kind.source}: panel.columns must hold {kind.target}")
        is_active[rows[churned]] = False
        parts.append(part)
        progress(month + 1, len(days))
    return parts


def month_ends(first: int, count: int) -> list[int]:
    """Last days of ``count`` months, the first that of day ``first``; days since 1970-01-01."""
    month = np.datetime64(first, "D").astype("datetime64[M]")
    following = (month + 1 + np.arange(count)).astype("datetime64[D]")
    return (following.astype(np.int64) - 1).tolist()


def _truth(kind: Kind, population: Population) -> pd.DataFrame:
    truth = {kind.id: spell(kind.id, kind.all_columns[kind.id], population)}
    if kind.panel:
        date = kind.panel.date
        truth[date] = spell(date, kind.all_columns[date], population)
    truth["churn_probability"] = pd.Series(population.chances[kind.target])
    target = kind.all_columns[kind.target]
    if kind.treatment and isinstance(target, Chance):
        without, treated = (
            target.chances(kind.target, population.having(kind.treatment, code)) for code in (0, 1)
        )
        truth["treatment_effect"] = pd.Series(np.round(treated - without, 9))
    return pd.DataFrame(truth)

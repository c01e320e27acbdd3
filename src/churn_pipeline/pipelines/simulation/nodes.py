"""Node of the simulation pipeline."""

import pandas as pd

from churn_pipeline.simulation import Kind, simulate


def draw_customers(kind: Kind, customers: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw customers; the truth about them is kept apart from the raw file.

    Returns
    -------
    customers : DataFrame
        The raw table, as a provider would export it.
    truth : DataFrame
        Id and true ``churn_probability`` of each customer.
    """
    simulation = simulate(kind, customers, seed)
    return simulation.customers, simulation.truth

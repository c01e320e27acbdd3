"""Node of the simulation pipeline."""

import pandas as pd

from churn_pipeline.simulation import simulate_customers


def draw_customers(n_customers: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw customers; their true churn probabilities are kept apart from the raw file.

    Returns
    -------
    customers : DataFrame
        The raw table, as a provider would export it.
    truth : DataFrame
        Id and true ``churn_probability`` of each customer.
    """
    simulation = simulate_customers(n_customers, seed)
    return simulation.customers, simulation.truth

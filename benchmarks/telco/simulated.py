"""Simulated customers of the built-in default kind."""

from pathlib import Path
from typing import Final

from churn_pipeline.simulation import Simulation, read_kind, simulate

KIND: Final = Path(__file__).resolve().parents[2] / "conf/base/simulation/telco.yml"


def simulate_customers(n_customers: int, seed: int) -> Simulation:
    """Draw customers of a telephone and internet provider."""
    return simulate(read_kind(KIND), n_customers, seed)

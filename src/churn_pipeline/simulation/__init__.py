"""A simulator of telephone and internet customers with a known true churn probability."""

from churn_pipeline.simulation.telco import Simulation, simulate_customers

__all__ = ["Simulation", "simulate_customers"]

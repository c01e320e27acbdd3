"""A simulator of customers with known churn probabilities and treatment effects."""

from churn_pipeline.simulation.engine import Simulation, simulate
from churn_pipeline.simulation.kind import Kind, parse_kind, read_kind

__all__ = ["Kind", "Simulation", "parse_kind", "read_kind", "simulate"]

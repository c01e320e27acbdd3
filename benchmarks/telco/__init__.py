"""IBM's public Telco file and the simulated customers that resemble it."""

from benchmarks.telco.reference import telco_path
from benchmarks.telco.simulated import simulate_customers

__all__ = ["simulate_customers", "telco_path"]

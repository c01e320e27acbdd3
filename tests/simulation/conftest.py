from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.telco import simulate_customers
from churn_pipeline.simulation import Simulation


@pytest.fixture(scope="session")
def population() -> Simulation:
    return simulate_customers(100_000, seed=11)


@pytest.fixture(scope="session")
def real_path(telco_path: Path) -> Path:
    return telco_path


@pytest.fixture(scope="session")
def real(real_path: Path) -> pd.DataFrame:
    return pd.read_csv(real_path)

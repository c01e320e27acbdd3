from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from churn_pipeline.simulation import Simulation, simulate_customers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def population() -> Simulation:
    return simulate_customers(100_000, seed=11)


@pytest.fixture(scope="session")
def real_path() -> Path:
    path = Path(os.environ.get("CHURN_TELCO_CSV", ROOT.parent / "shared/data/telco.csv"))
    if not path.is_file():
        pytest.skip(f"the reference data set is not at {path}; set CHURN_TELCO_CSV")
    return path


@pytest.fixture(scope="session")
def real(real_path: Path) -> pd.DataFrame:
    return pd.read_csv(real_path)

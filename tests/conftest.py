from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.io.contract_dataset import ContractDataset
from churn_pipeline.simulation import reference, simulate_customers

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def contract() -> Contract:
    return ContractDataset(filepath=str(ROOT / "conf/base/contract.yml")).load()


@pytest.fixture(scope="session")
def telco_path() -> Path:
    path = reference.telco_path()
    if not path.is_file():
        pytest.skip(f"no Telco file at {path}; run `make telco` or set CHURN_TELCO_CSV")
    return path


@pytest.fixture(scope="session")
def customers_csv() -> str:
    """One thousand simulated customers as the text of a CSV file."""
    customers = simulate_customers(1000, seed=7).customers
    return customers.to_csv(index=False, float_format="%g", lineterminator="\n")


@pytest.fixture(scope="session")
def customers(contract: Contract) -> pd.DataFrame:
    """Two thousand simulated customers as ingestion accepts them."""
    from churn_pipeline.contract.cells import cast_columns
    from churn_pipeline.contract.violations import find_violations

    cells = simulate_customers(2000, seed=8).customers.astype("str")
    table, violations = find_violations(cells, contract)
    assert violations.empty
    return cast_columns(table, contract)

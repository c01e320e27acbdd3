from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from tests.serving.support import make_bundles


@pytest.fixture(scope="session")
def bundles(
    tmp_path_factory: pytest.TempPathFactory, customers: pd.DataFrame, contract: Contract
) -> Path:
    """A folder of two bundles of the same contract, ``champion`` and ``challenger``."""
    names = {"champion": "logistic_regression", "challenger": "xgboost"}
    return make_bundles(tmp_path_factory.mktemp("bundles"), customers, contract, **names)

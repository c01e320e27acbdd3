from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from tests.serving.support import make_bundle


@pytest.fixture(scope="session")
def bundles(
    tmp_path_factory: pytest.TempPathFactory, customers: pd.DataFrame, contract: Contract
) -> Path:
    """A folder of two bundles of the same contract, ``champion`` and ``challenger``."""
    folder = tmp_path_factory.mktemp("bundles")
    make_bundle(folder / "champion", customers, contract, 1.0)
    make_bundle(folder / "challenger", customers, contract, 0.01)
    return folder

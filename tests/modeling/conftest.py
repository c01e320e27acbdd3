from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.features.nodes import derive_features


@pytest.fixture(scope="session")
def inputs(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    return derive_features(customers, contract)[list(contract.model_inputs)]


@pytest.fixture(scope="session")
def target(customers: pd.DataFrame, contract: Contract) -> NDArray[np.int8]:
    return churned(customers, contract)

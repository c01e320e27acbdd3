from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from benchmarks.telco import simulate_customers
from benchmarks.telco import telco_path as find_telco
from churn_pipeline.contract import Contract
from churn_pipeline.io.contract_dataset import ContractDataset

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from selenium import webdriver

    from churn_pipeline.modeling.model import ChurnModel

pytest_plugins = ["tests.levels"]

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def contract() -> Contract:
    return ContractDataset(filepath=str(ROOT / "conf/base/contract.yml")).load()


@pytest.fixture(scope="session")
def telco_path() -> Path:
    path = find_telco()
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
    from churn_pipeline.checking.cells import cast_columns
    from churn_pipeline.checking.violations import find_violations

    cells = simulate_customers(2000, seed=8).customers.astype("str")
    table, violations = find_violations(cells, contract)
    assert violations.empty
    return cast_columns(table, contract)


@pytest.fixture(scope="session")
def inputs(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    from churn_pipeline.pipelines.features.nodes import derive_features

    return derive_features(customers, contract)[list(contract.model_inputs)]


@pytest.fixture(scope="session")
def target(customers: pd.DataFrame, contract: Contract) -> NDArray[np.int8]:
    from churn_pipeline.modeling.target import churned

    return churned(customers, contract)


@pytest.fixture(scope="session")
def bundle_folder(
    customers: pd.DataFrame, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The bundle of a small logistic regression; not to be changed."""
    from churn_pipeline.scorer.bundle import write_bundle
    from tests.bundles import packaged

    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    write_bundle(packaged("logistic_regression", customers, contract), folder)
    return folder


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store; to be copied, since creating one takes seconds."""
    from churn_pipeline.tracking.sqlite_store import prepare_sqlite_store

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    prepare_sqlite_store(path, create=True, write=True)
    return path


@pytest.fixture
def store(
    migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MlflowClient]:
    """A client of an MLflow store of the test's own, which is the active one."""
    import mlflow

    uri = f"sqlite:///{shutil.copy(migrated_store, tmp_path / 'mlflow.db')}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    mlflow.create_experiment("churn_pipeline", "churn-artifacts:/")
    mlflow.set_experiment("churn_pipeline")
    yield mlflow.MlflowClient(uri)
    while mlflow.active_run() is not None:
        mlflow.end_run()
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri("")


@pytest.fixture(scope="session")
def months() -> pd.DataFrame:
    """Twenty customers of one column; the longer they stay, the less they churn."""
    return pd.DataFrame({"months": np.arange(20.0)})


@pytest.fixture(scope="session")
def small_model(months: pd.DataFrame) -> ChurnModel:
    """A model of that column alone."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from churn_pipeline.modeling.model import ChurnModel

    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(months, months["months"] % 7 < 3)
    return ChurnModel.of("logistic_regression", pipeline, ("months",))


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gains a candidate's name with every fit of tuning in this process."""
    from churn_pipeline.modeling.cross_validation import fit_on
    from churn_pipeline.modeling.tuning import fold_workers

    names: list[str] = []

    def counted(name: str, *args: Any) -> Any:
        names.append(name)
        return fit_on(name, *args)

    monkeypatch.setattr(fold_workers, "fit_on", counted)
    return names


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Headless Chromium that asks for nothing by itself and keeps a log of what pages ask for."""
    from selenium import webdriver

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("Chromium or its driver is not installed; run `make browser` as root")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1600,1200",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()

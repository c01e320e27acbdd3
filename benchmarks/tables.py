"""Tables that nobody described, for the benchmarks: simulated ones with known truth, and files.

A split of a simulated table is a new draw of customers, independent of the others; a split of a
file is one of its rows, and shares rows with the others.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.discovery import Hints, infer_contract
from churn_pipeline.io.contract_dataset import ContractDataset
from churn_pipeline.io.raw_table import RawTable, RawTableDataset, read_raw_table
from churn_pipeline.pipelines.features.nodes import derive_features, split_customers
from churn_pipeline.pipelines.ingestion.nodes import check_customers, quarantine_customers
from churn_pipeline.simulation import Kind, read_kind, simulate

_ROOT = Path(__file__).resolve().parents[1]

Floats = NDArray[np.float64]


class Split(NamedTuple):
    """A training and a test set, and the true churn probabilities of the latter where known."""

    train: pd.DataFrame
    test: pd.DataFrame
    contract: Contract
    truth: Floats | None


@dataclass(frozen=True)
class SimulatedTable:
    """Customers of a kind of ``conf/base/simulation``.

    Parameters
    ----------
    kind : str
    customers : int
        Of the training set; of a panel, accounts.
    parameters : mapping
        Other values of the kind's parameters.
    label : str
        What distinguishes the table from others of the kind and size.
    """

    kind: str
    customers: int
    parameters: Mapping[str, float] = field(default_factory=dict)
    label: str = ""

    others = 20_000  # rows of the test set, about

    @property
    def name(self) -> str:
        """What the results call it."""
        return "-".join(filter(None, (self.kind, self.label, str(self.customers))))

    @property
    def test_to_train(self) -> float:
        """Rows measured over rows fitted, as far as splits share them."""
        return 0.0  # no two draws share customers

    def split(self, seed: int) -> Split:
        """Return the split of this seed."""
        kind = read_kind(_ROOT / f"conf/base/simulation/{self.kind}.yml")
        snapshots = int(kind.constants[kind.panel.snapshots]) if kind.panel else 1
        others = self.others // snapshots
        drawn = simulate(kind, self.customers + others, seed, self.parameters)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "customers.csv"
            drawn.customers.to_csv(path, index=False)
            raw = RawTableDataset(filepath=str(path)).load()
        contract = contract_of(kind, raw)
        table = accepted(raw, contract)
        ids = np.random.default_rng(seed).permutation(table[kind.id].unique().astype("object"))
        is_train = table[kind.id].isin(ids[: self.customers])
        test = table[~is_train].reset_index(drop=True)
        truth = truth_of(test, kind, drawn.truth)
        return Split(table[is_train].reset_index(drop=True), test, contract, truth)


@dataclass(frozen=True)
class FileTable:
    """A file, with the contract that is inferred from it."""

    path: Path
    target: str | None = None
    test_share: float = 0.25

    @property
    def name(self) -> str:
        """What the results call it."""
        return self.path.stem

    @property
    def test_to_train(self) -> float:
        """Rows measured over rows fitted, as far as splits share them."""
        return self.test_share / (1 - self.test_share)

    def split(self, seed: int) -> Split:
        """Return the split of this seed."""
        raw = read_raw_table(str(self.path))
        inferred = infer_contract(raw, self.name, Hints(target=self.target))
        contract = parse_contract(inferred.document)
        train, test = split_customers(accepted(raw, contract), contract, self.test_share, seed)
        return Split(train, test, contract, None)


SIMULATED = (
    SimulatedTable("telco", 300),
    SimulatedTable("telco", 7_000),
    SimulatedTable("usage", 300),
    SimulatedTable("usage", 3_000),
    SimulatedTable("usage", 20_000),
    SimulatedTable("usage", 5_000, {"state_effect": 1.0}, "strong-states"),
    SimulatedTable("bank", 1_000),
    SimulatedTable("bank", 10_000),
    SimulatedTable("bank", 100_000),
    SimulatedTable("bank", 40_000, {"churn_rate": 0.005, "noise": 0.0005}, "rare"),
    SimulatedTable("saas", 250, {"drift": 0.0}),
    SimulatedTable("saas", 1_000, {"drift": 0.0}),
)


def accepted(raw: RawTable, contract: Contract) -> pd.DataFrame:
    """Return the customers that meet the contract, with its derived columns."""
    typed, violations = check_customers(raw, contract)
    customers, _ = quarantine_customers(raw, typed, violations, contract)
    return derive_features(customers, contract)


def contract_of(kind: Kind, raw: RawTable) -> Contract:
    """Return the contract of simulated customers: the built-in one where it is, else inferred."""
    built_in = ContractDataset(filepath=str(_ROOT / "conf/base/contract.yml")).load()
    if set(built_in.columns) == set(kind.table):
        return built_in
    snapshot = kind.panel.date if kind.panel else None
    hints = Hints(target=kind.target, positive=kind.positive, id=kind.id, snapshot=snapshot)
    return parse_contract(infer_contract(raw, kind.source, hints).document)


def truth_of(rows: pd.DataFrame, kind: Kind, truth: pd.DataFrame) -> Floats:
    """Return the true churn probability of each row."""
    keys = [kind.id, kind.panel.date] if kind.panel else [kind.id]
    named = pd.DataFrame({key: _as_text(rows[key]) for key in keys})
    found = named.merge(truth.astype(dict.fromkeys(keys, "str")), how="left", on=keys)
    return found["churn_probability"].to_numpy(dtype="float64")


def expected_log_loss(probability: Floats, truth: Floats) -> float:
    """Log loss over the churn that the true probabilities would bring; a truth may be 0."""
    return float(-np.mean(xlogy(truth, probability) + xlog1py(1 - truth, -probability)))


def _as_text(keys: pd.Series) -> pd.Series:
    is_date = pd.api.types.is_datetime64_any_dtype(keys)
    return keys.dt.strftime("%Y-%m-%d") if is_date else keys.astype("str")

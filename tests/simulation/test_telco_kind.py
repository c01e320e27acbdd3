from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.telco.schema import COLUMNS, LEVELS
from benchmarks.telco.simulated import KIND
from benchmarks.telco.terms import factor_values, formula, term_values
from churn_pipeline.simulation import Kind, read_kind
from churn_pipeline.simulation.columns import Shares
from churn_pipeline.simulation.number_columns import Bands
from churn_pipeline.simulation.population import Population

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def kind() -> Kind:
    return read_kind(KIND)


def test_shares_add_up(kind: Kind) -> None:
    contract, tenure = kind.columns["Contract"], kind.columns["tenure"]
    assert isinstance(contract, Shares)
    assert isinstance(contract.shares, dict)
    assert sum(contract.shares.values()) == pytest.approx(1, abs=0.001)
    assert isinstance(tenure, Bands)
    assert isinstance(tenure.bands, dict)
    for bands in tenure.bands.values():
        assert sum(share for *_, share in bands) == pytest.approx(1, abs=0.005)


def test_tenure_bands_follow_each_other_up_to_72(kind: Kind) -> None:
    tenure = kind.columns["tenure"]
    assert isinstance(tenure, Bands)
    assert isinstance(tenure.bands, dict)
    for bands in tenure.bands.values():
        assert bands[-1][1] == 72
        for (_, last, _), (first, _, _) in pairwise(bands):
            assert last == first - 1


def test_every_published_column_is_drawn_and_no_other(kind: Kind) -> None:
    assert set(kind.columns) == set(COLUMNS)
    assert tuple(kind.table) == COLUMNS


@pytest.mark.parametrize(
    ("term", "values"),
    [
        ("tenure=1", [1, 0, 0]),
        ("tenure>0", [1, 20, 30]),
        ("tenure>12 & Contract=One year", [0, 8, 18]),
        ("tenure=20 & Contract=One year", [0, 1, 0]),
    ],
)
def test_fitted_terms_mean_the_same_in_the_kinds_file(term: str, values: list[int]) -> None:
    codes = {
        "tenure": np.array([1, 20, 30], dtype=np.int8),
        "Contract": np.array([0, 1, 1], dtype=np.int8),
    }
    population = Population(3, values={**codes}, levels={"Contract": LEVELS["Contract"]})
    assert term_values(term, codes).tolist() == values
    assert population.evaluate(formula(term)).tolist() == values


@pytest.mark.parametrize("factor", ["Contract=Weekly", "Colour=Red", "Contract"])
def test_unknown_levels_are_an_error(factor: str) -> None:
    with pytest.raises(ValueError, match="Unknown level"):
        factor_values(factor, {"Contract": np.zeros(1, dtype=np.int8)})


def test_the_file_holds_no_identifiers() -> None:
    assert not re.search(r"\d{4}-[A-Z]{5}", KIND.read_text(encoding="utf-8"))


def test_script_reproduces_the_file(real_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "telco.yml"
    script = ["-m", "benchmarks.fit_simulator_facts", "--real", str(real_path), "--out", str(out)]
    # Matrices this small only make the threads of a BLAS wait for each other.
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, *script],
        check=True,
        cwd=ROOT,
        env={**os.environ, **single, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert out.read_text(encoding="utf-8") == KIND.read_text(encoding="utf-8")

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from churn_pipeline.simulation.facts import load_facts
from churn_pipeline.simulation.schema import COLUMNS
from churn_pipeline.simulation.terms import factor_values, term_values

ROOT = Path(__file__).resolve().parents[2]
FACTS = files("churn_pipeline.simulation").joinpath("telco_facts.yml")


def test_shares_add_up() -> None:
    facts = load_facts()
    assert sum(facts.contract_shares.values()) == pytest.approx(1, abs=0.001)
    for bands in facts.tenure_bands.values():
        assert sum(band.share for band in bands) == pytest.approx(1, abs=0.005)


def test_tenure_bands_follow_each_other_up_to_72() -> None:
    for bands in load_facts().tenure_bands.values():
        assert bands[-1].last == 72
        for band, following in pairwise(bands):
            assert band.first <= band.last == following.first - 1


def test_splits_draw_every_column_once_its_terms_are_known() -> None:
    codes = {column: np.zeros(3, dtype=np.int8) for column in ("Contract", "tenure")}
    for split in load_facts().splits:
        for term in split.terms:
            assert term_values(term, codes).shape == (3,)
        codes[split.column] = np.zeros(3, dtype=np.int8)
    charges = {"customerID", "MonthlyCharges", "TotalCharges"}
    assert set(codes) == set(COLUMNS) - charges
    assert list(codes)[-1] == "Churn"


def test_terms_are_products_of_factors() -> None:
    codes = {
        "tenure": np.array([1, 20, 30], dtype=np.int8),
        "Contract": np.array([0, 1, 1], dtype=np.int8),
    }
    assert factor_values("tenure=1", codes).tolist() == [1, 0, 0]
    assert term_values("tenure>12 & Contract=One year", codes).tolist() == [0, 8, 18]


@pytest.mark.parametrize("factor", ["Contract=Weekly", "Colour=Red", "Contract"])
def test_unknown_levels_are_an_error(factor: str) -> None:
    with pytest.raises(ValueError, match="Unknown level"):
        factor_values(factor, {"Contract": np.zeros(1, dtype=np.int8)})


def test_facts_hold_no_identifiers() -> None:
    assert not re.search(r"\d{4}-[A-Z]{5}", FACTS.read_text(encoding="utf-8"))


def test_script_reproduces_the_facts_file(real_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "facts.yml"
    script = ROOT / "benchmarks/fit_simulator_facts.py"
    # Matrices this small only make the threads of a BLAS wait for each other.
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, script, "--real", real_path, "--out", out],
        check=True,
        env={**os.environ, **single, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert out.read_text(encoding="utf-8") == FACTS.read_text(encoding="utf-8")

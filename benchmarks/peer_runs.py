"""Peers, each fitted on a split by ``peers.py`` in an environment of their own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.target import churned


class PeerRun(NamedTuple):
    """A peer's churn probabilities of the test set, and what they took.

    ``figures`` has ``roc_auc`` and ``log_loss`` of the test set and ``cpu_seconds``.
    """

    figures: dict[str, float]
    probability: NDArray[np.float64]


def install_peers(environment: Path) -> Path:
    """Return the Python of the peers' environment, which is made where it does not exist."""
    python = environment / "bin" / "python"
    if not python.exists():
        requirements = Path(__file__).with_name("requirements-peers.txt")
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], check=True)
    return python


def run_peer(
    python: Path,
    peer: str,
    train: pd.DataFrame,
    test: pd.DataFrame,
    contract: Contract,
    columns: list[str],
) -> PeerRun:
    """Fit a peer on these columns of the training set, and score the test set.

    Raises
    ------
    SystemExit
        If the peer fails, with the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, side in (("train", train), ("test", test)):
            paths.append(str(Path(folder) / f"{name}.parquet"))
            side[columns].assign(churned=churned(side, contract)).to_parquet(paths[-1])
        output = Path(folder) / "probability.npy"
        script = str(Path(__file__).with_name("peers.py"))
        command = [str(python), script, peer, *paths, "--probability", str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{peer} failed:\n{done.stderr[-2000:]}")
        return PeerRun(json.loads(done.stdout.splitlines()[-1]), np.load(output))

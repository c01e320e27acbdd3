from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.scorer import load_scorer
from churn_pipeline.serving.models.variants import Deployment, DeploymentError, Plan, deploy

PLAN = {"champion": "one", "challenger": "two"}


@pytest.fixture(scope="module")
def scorers(bundles: Path) -> Any:
    return load_scorer(bundles / "champion"), load_scorer(bundles / "challenger")


def split(scorers: Any, share: float) -> Deployment:
    return deploy(Plan(**PLAN, mode="split", challenger_share=share), *scorers)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_split_gives_the_challenger_its_share(scorers: Any, share: float) -> None:
    deployment = split(scorers, share)
    names = [deployment.answering(f"customer {i}").name for i in range(4000)]
    assert names.count("challenger") / 4000 == pytest.approx(share, abs=0.03)


def test_a_larger_share_keeps_the_customers_of_a_smaller(scorers: Any) -> None:
    small, large = split(scorers, 0.2), split(scorers, 0.6)
    ids = [f"customer {i}" for i in range(500)]
    before = {i for i in ids if small.answering(i).name == "challenger"}
    assert before
    assert before < {i for i in ids if large.answering(i).name == "challenger"}


def test_another_process_gives_customers_the_same_variant(scorers: Any) -> None:
    deployment = split(scorers, 0.5)
    ids = ["", "a", "ü", "\ud800", *(str(i) for i in range(50))]
    code = (
        "import sys; from churn_pipeline.serving.models.variants import _hash;"
        f"print([_hash(i) < {deployment.split} for i in {ids!r}])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "5"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == str([deployment.answering(i).name == "challenger" for i in ids])


@pytest.mark.parametrize("mode", ["champion", "shadow"])
def test_only_split_lets_the_challenger_answer(scorers: Any, mode: Any) -> None:
    deployment = deploy(Plan(**PLAN, mode=mode, challenger_share=1.0), *scorers)
    assert {deployment.answering(str(i)).name for i in range(50)} == {"champion"}
    assert (deployment.silent is not None) == (mode == "shadow")


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"mode": "split"}, "needs a challenger"),
        ({"mode": "both", "challenger": "b"}, "champion, shadow, split"),
        ({"mode": "split", "challenger": "b", "challenger_share": 1.5}, "from 0 to 1"),
    ],
)
def test_an_impossible_plan_is_refused(plan: dict[str, Any], words: str) -> None:
    with pytest.raises(DeploymentError, match=words):
        Plan(champion="a", **plan)


def test_a_challenger_that_refuses_the_champions_customers_is_refused(scorers: Any) -> None:
    class Strange:
        version = "abc"
        contract = scorers[1].contract

        def read_fields(self, record: Any) -> Any:
            return scorers[1].read_fields({})

    with pytest.raises(DeploymentError, match="challenger: it refuses"):
        deploy(Plan(**PLAN), scorers[0], Strange())  # type: ignore[arg-type]

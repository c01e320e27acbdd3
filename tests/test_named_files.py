"""Messages name the params file and the contract of the data set in use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_pipeline.errors import GateError
from churn_pipeline.named_files import contract_yml, files_in_use, params_yaml, use_files
from churn_pipeline.pipelines.acceptance.nodes import accept
from churn_pipeline.scorer import Bundle


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = files_in_use()
    yield
    use_files(**before)


def test_a_failed_gate_names_the_file_that_has_effect() -> None:
    gate = {"gate": "minimum_roc_auc", "limit": 0.8, "value": 0.7, "passed": False, "detail": ""}
    scorer = Bundle({"model.onnx": b""})
    for name in ("params.yaml", "conf/names/params.yaml"):
        use_files(params=name)
        with pytest.raises(GateError, match=f"the limits under gates in {name} "):
            accept({"scorer": scorer.version, "gates": [gate]}, {"champion": "x"}, scorer, "")


def test_a_name_that_is_left_out_stays() -> None:
    use_files(params="conf/bank/params.yaml", contract="conf/bank/contract.yml")
    use_files(params=None)
    assert (params_yaml(), contract_yml()) == ("conf/bank/params.yaml", "conf/bank/contract.yml")


def test_no_message_has_the_name_of_its_own(root: Path) -> None:
    for path in (root / "src/churn_pipeline").rglob("*.py"):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            assert 'f"params.yaml:' not in line, f"{path.name}:{number}"
            assert "in params.yaml to" not in line, f"{path.name}:{number}"

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kedro.io import DatasetError

from churn_pipeline.contract import Contract
from churn_pipeline.errors import ContractError
from churn_pipeline.io.contract_dataset import ContractDataset

TEXT = """\
name: small
columns:
  key: {type: text, role: id, meaning: m}
  left: {type: category, role: target, values: ["n", "y"], positive: "y", meaning: m}
  fee: {type: number, meaning: m}
"""


def load_error(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        ContractDataset(filepath=str(path)).load()
    assert isinstance(caught.value.__cause__, ContractError)
    return str(caught.value.__cause__)


def test_contract_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(TEXT)
    dataset = ContractDataset(filepath=str(path))
    assert dataset.exists()
    assert dataset.load().id.name == "key"


def test_absent_file_is_named(tmp_path: Path) -> None:
    assert not ContractDataset(filepath=str(tmp_path / "mine.yml")).exists()
    assert "mine.yml does not exist" in load_error(tmp_path / "mine.yml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [", "mine.yml is not valid YAML"),
        ("name: é".encode("latin-1"), "mine.yml is not UTF-8"),
        ((TEXT + "name: again\n").encode(), "the key 'name' occurs twice"),
        ((TEXT + "  fee: {type: integer, meaning: m}\n").encode(), "'fee' occurs twice"),
        (b"- 1", "mine.yml: the file must be a mapping"),
    ],
)
def test_unusable_file_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_bytes(content)
    error = load_error(path)
    assert message in error
    assert "\n" not in error


def test_the_contract_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(TEXT)
    dataset: Any = ContractDataset(filepath=str(path))
    with pytest.raises(DatasetError, match="written by hand"):
        dataset.save("x")
    assert path.read_text() == TEXT


def test_a_contract_of_the_pipelines_own_making_is_saved_whole(
    tmp_path: Path, contract: Contract
) -> None:
    path = tmp_path / "made" / "model_contract.yml"
    dataset = ContractDataset(filepath=str(path), writable=True)
    dataset.save(contract)
    assert dataset.load() == contract
    assert [item.name for item in path.parent.iterdir()] == ["model_contract.yml"]

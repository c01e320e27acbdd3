from __future__ import annotations

from pathlib import Path

import pytest
from kedro.io import DatasetError

from churn_pipeline.errors import BundleError
from churn_pipeline.io.bundle_dataset import BundleDataset
from churn_pipeline.scorer import Bundle

BUNDLE = Bundle({"model.onnx": b"\x00\xff", "contract.json": b"{}"})


def test_a_saved_bundle_is_loaded(tmp_path: Path) -> None:
    dataset = BundleDataset(filepath=str(tmp_path / "models/bundle"))
    assert not dataset.exists()
    dataset.save(BUNDLE)
    assert dataset.exists()
    assert dataset.load() == BUNDLE
    dataset.save(BUNDLE.with_files({"more.json": b"1"}))
    assert dataset.load().files.keys() == {*BUNDLE.files, "more.json"}


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        BundleDataset(filepath=str(tmp_path / name)).save(BUNDLE)
        found.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert found[0] == found[1]


def test_a_tampered_bundle_is_not_loaded(tmp_path: Path) -> None:
    dataset = BundleDataset(filepath=str(tmp_path / "bundle"))
    dataset.save(BUNDLE)
    (tmp_path / "bundle/model.onnx").write_bytes(b"\x00\xfe")
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert isinstance(caught.value.__cause__, BundleError)
    assert "model.onnx was changed" in str(caught.value.__cause__)


def test_an_absent_bundle_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="dvc repro"):
        BundleDataset(filepath=str(tmp_path / "bundle")).load()


def test_the_catalog_may_describe_it(tmp_path: Path) -> None:
    dataset = BundleDataset(filepath=str(tmp_path / "bundle"), metadata={"layer": "models"})
    assert dataset.metadata == {"layer": "models"}
    assert str(tmp_path / "bundle") in str(dataset)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from churn_pipeline.io.frames import Frames, FramesCSVDataset, FramesParquetDataset

TABLE = pd.DataFrame(
    {
        "id": pd.array([f"C{i}" for i in range(9)], dtype="str"),
        "value": np.arange(9) / 7,
        "note": pd.array([None, 'a "b", c'] * 4 + [None], dtype="str"),
        "rules": [["range"], ["a", "b"], ["x"]] * 3,
    }
)


def frames_of(table: pd.DataFrame, rows: int) -> Frames:
    def source() -> Iterator[pd.DataFrame]:
        for start in range(0, max(len(table), 1), rows):
            yield table[start : start + rows].reset_index(drop=True)

    return Frames(source)


def csv_dataset(path: Path) -> Any:
    return FramesCSVDataset(filepath=str(path), save_args={"index": False})


def test_frames_become_the_csv_file_of_the_whole(tmp_path: Path) -> None:
    table = TABLE.drop(columns="rules")
    expected = table.to_csv(index=False, lineterminator="\n")
    for rows in (1, 4, 9):
        dataset = csv_dataset(tmp_path / "out" / "t.csv")
        dataset.save(frames_of(table, rows))
        assert (tmp_path / "out" / "t.csv").read_text(encoding="utf-8") == expected
        pd.testing.assert_frame_equal(dataset.load(), table)


def test_frames_become_one_parquet_file(tmp_path: Path) -> None:
    TABLE.to_parquet(tmp_path / "pandas.parquet")
    for rows in (1, 4, 9, 20):
        dataset = FramesParquetDataset(filepath=str(tmp_path / "t.parquet"))
        dataset.save(frames_of(TABLE, rows))
        loaded = dataset.load()
        pd.testing.assert_frame_equal(loaded.drop(columns="rules"), TABLE.drop(columns="rules"))
        assert [list(rules) for rules in loaded["rules"]] == TABLE["rules"].tolist()
    assert (tmp_path / "t.parquet").read_bytes() == (tmp_path / "pandas.parquet").read_bytes()


def test_frames_without_rows_do_not_decide_the_types(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    dataset = FramesParquetDataset(filepath=str(path))
    dataset.save(iter([TABLE[:0], TABLE[:2], TABLE[:0], TABLE[2:]]))
    assert dataset.load()["id"].tolist() == TABLE["id"].tolist()
    dataset.save(iter([TABLE[:0], TABLE[:0]]))
    assert dataset.load().empty
    assert list(dataset.load()) == list(TABLE)


@pytest.mark.parametrize("kind", [FramesCSVDataset, FramesParquetDataset])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "t"
    dataset = kind(filepath=str(path))
    dataset.save(frames_of(TABLE[["id", "value"]], 3))
    before = path.read_bytes()

    def broken() -> Iterator[pd.DataFrame]:
        yield TABLE[["id", "value"]]
        yield TABLE[["id", "value"]]
        raise RuntimeError("the source is gone")

    with pytest.raises((RuntimeError, DatasetError), match="the source is gone"):
        dataset.save(Frames(broken))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]

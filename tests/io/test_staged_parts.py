from __future__ import annotations

import stat
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from churn_pipeline.io.staged_parts import StagedParts, StagedPartsDataset

FRAME = pd.DataFrame(
    {
        "text": pd.array(["a", None], dtype="str"),
        "kind": pd.Categorical(["y", None], categories=["x", "y", "z"]),
        "day": pd.array(["2026-01-31", None], dtype="datetime64[us]"),
        "count": [1, 2],
    }
)


@pytest.fixture
def parts(tmp_path: Path) -> StagedParts:
    parts = StagedPartsDataset(filepath=str(tmp_path / "parts")).load()
    parts.begin("one")
    return parts


def test_a_frame_comes_back_with_its_types_and_unused_categories(parts: StagedParts) -> None:
    parts.write_frame("a", FRAME)
    assert parts.has("a")
    assert not parts.has("b")
    pd.testing.assert_frame_equal(parts.read_frame("a"), FRAME)
    pd.testing.assert_frame_equal(parts.read_frame("a", ["count"]), FRAME[["count"]])
    parts.write_frame("b", FRAME[:0])
    pd.testing.assert_frame_equal(parts.read_frame("b"), FRAME[:0])
    assert parts.read("b", ["text"]).column_names == ["text"]


def test_batches_are_small(parts: StagedParts) -> None:
    parts.write("a", pa.table({"x": range(5000)}))
    sizes = [batch.num_rows for batch in parts.batches("a")]
    assert sum(sizes) == 5000
    assert max(sizes) < 2500


def test_parts_of_other_work_are_never_used(parts: StagedParts, tmp_path: Path) -> None:
    parts.write_frame("a", FRAME)
    again = StagedParts(tmp_path / "parts")
    again.begin("one")
    assert again.has("a")
    again.begin("two")
    assert not again.has("a")
    again.begin("one")
    assert not again.has("a")


def test_nobody_else_may_read_them_and_they_go_when_the_work_is_done(
    parts: StagedParts, tmp_path: Path
) -> None:
    parts.write_frame("a", FRAME)
    assert stat.S_IMODE((tmp_path / "parts").stat().st_mode) == 0o700
    parts.remove()
    assert not (tmp_path / "parts").exists()


def test_a_part_that_was_not_finished_is_none(
    parts: StagedParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **more: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(pa.ipc, "new_file", fail)
    with pytest.raises(RuntimeError, match="killed"):
        parts.write_frame("a", FRAME)
    assert not parts.has("a")
    assert list((tmp_path / "parts" / "one").iterdir()) == []

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure

from churn_pipeline.io.atomic import (
    CSVDataset,
    JSONDataset,
    ParquetDataset,
    PickleDataset,
    TextDataset,
)
from churn_pipeline.io.figure import FigureDataset

TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})


class Unpicklable:
    def __reduce__(self) -> str:
        raise RuntimeError("not to be saved")


class UnwritableFigure(Figure):
    def savefig(self, fname: Any, **kwargs: Any) -> None:
        fname.write(b"half a picture")
        raise RuntimeError("not to be saved")


class UnwritableTable(pd.DataFrame):
    def to_csv(self, path_or_buf: Any = None, **kwargs: Any) -> None:  # type: ignore[override]
        path_or_buf.write("half a table")
        raise RuntimeError("not to be saved")


CASES: list[tuple[Any, Any, Any]] = [
    (CSVDataset, TABLE, UnwritableTable(TABLE)),
    (JSONDataset, {"b": 1, "a": [2]}, {"a": 1, "z": object()}),
    (ParquetDataset, TABLE, pd.DataFrame({"a": [1, "x", object()]})),
    (PickleDataset, {"a": 1}, [1, Unpicklable()]),
    (TextDataset, "text", 5),
    (FigureDataset, Figure(), UnwritableFigure()),
]


@pytest.mark.parametrize(("dataset", "good", "bad"), CASES)
def test_save_writes_one_file_into_a_new_folder(
    tmp_path: Path, dataset: Any, good: Any, bad: Any
) -> None:
    path = tmp_path / "new/folder/file.out"
    instance = dataset(filepath=str(path), **_arguments(dataset))
    assert not instance.exists()
    instance.save(good)
    assert instance.exists()
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_size > 0


@pytest.mark.parametrize(("dataset", "good", "bad"), CASES)
def test_failed_save_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, dataset: Any, good: Any, bad: Any
) -> None:
    path = tmp_path / "file.out"
    instance = dataset(filepath=str(path), **_arguments(dataset))
    instance.save(good)
    before = path.read_bytes()
    with pytest.raises(DatasetError):
        instance.save(bad)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    instance.save(good)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("dataset", "good", "bad"), CASES)
def test_failed_first_save_leaves_nothing(
    tmp_path: Path, dataset: Any, good: Any, bad: Any
) -> None:
    with pytest.raises(DatasetError):
        dataset(filepath=str(tmp_path / "file.out"), **_arguments(dataset)).save(bad)
    assert list(tmp_path.iterdir()) == []


def _arguments(dataset: Any) -> dict[str, Any]:
    return {"save_args": {"format": "png"}} if dataset is FigureDataset else {}


@pytest.mark.parametrize(("dataset", "good", "bad"), CASES[:5])
def test_what_was_saved_is_loaded(tmp_path: Path, dataset: Any, good: Any, bad: Any) -> None:
    arguments = {"save_args": {"index": False}} if dataset is CSVDataset else {}
    instance = dataset(filepath=str(tmp_path / "file.out"), **arguments)
    instance.save(good)
    loaded = instance.load()
    if isinstance(good, pd.DataFrame):
        pd.testing.assert_frame_equal(loaded, good)
    else:
        assert loaded == good


def test_json_has_sorted_keys_and_lines_for_people(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    JSONDataset(filepath=str(path)).save({"b": 1, "a": {"d": 2, "c": 3}})
    text = path.read_text()
    assert list(json.loads(text)) == ["a", "b"]
    assert text.index('"c"') < text.index('"d"')
    assert len(text.splitlines()) == 7


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_refuses_numbers_that_json_does_not_know(tmp_path: Path, number: float) -> None:
    with pytest.raises(DatasetError):
        JSONDataset(filepath=str(tmp_path / "file.json")).save({"a": number})
    assert list(tmp_path.iterdir()) == []


_WRITER = """
import sys
import numpy as np
import pandas as pd
from churn_pipeline.io.atomic import CSVDataset, ParquetDataset
kind, path = sys.argv[1:]
table = pd.DataFrame(np.random.default_rng(0).normal(size=(1_500_000, 4)), columns=list("abcd"))
print("ready", flush=True)
{"csv": CSVDataset, "parquet": ParquetDataset}[kind](filepath=path).save(table)
print("saved", flush=True)
"""


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_process_killed_while_saving_leaves_the_old_file_whole(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"table.{kind}"
    dataset: Any = {"csv": CSVDataset, "parquet": ParquetDataset}[kind](filepath=str(path))
    dataset.save(TABLE)
    before = path.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, kind, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        partial: list[Path] = []
        deadline = time.monotonic() + 30
        while not partial and time.monotonic() < deadline:
            others = [item for item in tmp_path.iterdir() if item != path]
            partial = [item for item in others if item.stat().st_size > 0]
        process.send_signal(signal.SIGKILL)
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.wait()
    assert partial, "the process was never seen writing"
    assert path.read_bytes() == before
    dataset.save(TABLE)
    assert list(tmp_path.iterdir()) == [path]


def test_saves_overwrite_a_longer_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    TextDataset(filepath=str(path)).save("long text")
    TextDataset(filepath=str(path)).save("short")
    assert path.read_text() == "short"


def test_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        figure = Figure()
        figure.subplots().plot(np.arange(5))
        path = tmp_path / f"{name}.png"
        dataset = FigureDataset(filepath=str(path), save_args={"format": "png"})
        dataset.save(figure)
        assert dataset.load() == path.read_bytes()
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert contents[0].startswith(b"\x89PNG")

from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.errors import StorageError
from churn_pipeline.io.atomic import JSONDataset
from churn_pipeline.io.storage import storage_error, writing


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_sentence_with_the_name_of_the_file(tmp_path: Path) -> None:
    message = rf"^{tmp_path}/a\.csv cannot be written \(No space left on device\); free some space"
    with pytest.raises(StorageError, match=message), writing(tmp_path / "a.csv"):
        Path("/dev/full").write_text("a", encoding="utf-8")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    target = tmp_path / "data" / "metrics.json"
    with pytest.raises(Exception, match=r"metrics\.json") as error:
        JSONDataset(filepath=str(target)).save({"a": 1})
    assert isinstance(error.value, StorageError) or isinstance(error.value.__cause__, StorageError)


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing(tmp_path / "a.csv"):
        (tmp_path / "gone").read_text(encoding="utf-8")


def test_a_file_that_was_perhaps_read_is_not_said_to_be_written() -> None:
    explained = storage_error(PermissionError(13, "Permission denied", "customers.csv"))
    assert str(explained).startswith("customers.csv cannot be used (Permission denied); give ")

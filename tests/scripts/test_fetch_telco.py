from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from scripts import fetch_telco
from scripts.fetch_telco import fetch


def test_right_file_is_copied_and_then_left_alone(telco_path: Path, tmp_path: Path) -> None:
    target = tmp_path / "new/telco.csv"
    assert fetch(str(telco_path), target) == f"{target} written"
    assert target.read_bytes() == telco_path.read_bytes()
    assert list(target.parent.iterdir()) == [target]
    assert fetch("/does/not/exist", target) == f"{target} is already there"


def test_a_damaged_target_is_replaced(telco_path: Path, tmp_path: Path) -> None:
    target = tmp_path / "telco.csv"
    target.write_bytes(b"half")
    fetch(str(telco_path), target)
    assert target.read_bytes() == telco_path.read_bytes()


def test_another_file_is_refused_and_nothing_written(tmp_path: Path) -> None:
    source, target = tmp_path / "other.csv", tmp_path / "telco.csv"
    source.write_bytes(b"customerID\n1\n")
    with pytest.raises(SystemExit, match=r"is not the expected file.*nothing was written"):
        fetch(str(source), target)
    assert not target.exists()


def test_other_line_endings_are_another_file(telco_path: Path, tmp_path: Path) -> None:
    source = tmp_path / "crlf.csv"
    source.write_bytes(telco_path.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(SystemExit, match="is not the expected file"):
        fetch(str(source), tmp_path / "telco.csv")


def test_absent_source_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"cannot read .*give the path of the Telco CSV file"):
        fetch(str(tmp_path / "absent.csv"), tmp_path / "telco.csv")


@pytest.mark.parametrize("error", [urllib.error.URLError("no route"), TimeoutError("slow")])
def test_no_network_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(SystemExit, match=r"cannot reach https://x\.invalid.*make telco TELCO_CSV"):
        fetch("https://x.invalid/telco.csv", tmp_path / "telco.csv")
    assert not (tmp_path / "telco.csv").exists()


def test_address_and_hash_agree_with_the_file_that_dvc_tracks(root: Path) -> None:
    tracked = yaml.safe_load((root / "data/01_raw/telco.csv.dvc").read_text(encoding="utf-8"))
    assert tracked["deps"][0]["path"] == fetch_telco._ADDRESS
    assert tracked["meta"]["sha256"] == fetch_telco._SHA256

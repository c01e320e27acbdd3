"""What ends the start of a service once, before its workers would end again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.serving.settings import ServingSettings
from churn_pipeline.serving.start import check_files


def settings(folder: Path, **changes: object) -> ServingSettings:
    places = {"api_keys": folder / "keys.json", "audit_log": folder / "audit"}
    return ServingSettings(**{**places, **changes})  # type: ignore[arg-type]


def test_what_can_be_used_lets_it_start(tmp_path: Path) -> None:
    check_files(settings(tmp_path))
    assert (tmp_path / "audit").is_dir()


def test_an_audit_log_that_cannot_be_written_ends_it(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"^Error: the audit log's folder .*audit cannot be "):
        check_files(settings(tmp_path))
    check_files(settings(tmp_path, audit_to="stdout"))


def test_keys_that_cannot_be_read_end_it(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{", encoding="utf-8")
    (tmp_path / "keys.json").chmod(0o600)
    with pytest.raises(SystemExit, match=r"^Error: .*keys\.json"):
        check_files(settings(tmp_path))

from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline import code_hash as module
from churn_pipeline.code_hash import code_hash


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "inner" / "b.py").write_text("y = 1\n")
    return tmp_path


def test_every_module_counts_by_name_and_content(package: Path) -> None:
    seen = {code_hash(package)}
    (package / "inner" / "b.py").write_text("y = 2\n")
    seen.add(code_hash(package))
    (package / "a.py").rename(package / "c.py")
    seen.add(code_hash(package))
    (package / "inner" / "b.py").unlink()
    seen.add(code_hash(package))
    assert len(seen) == 4


def test_what_is_no_code_does_not_count(package: Path) -> None:
    before = code_hash(package)
    (package / "a.pyc").write_bytes(b"?")
    assert code_hash(package) == before


def test_versions_of_libraries_count(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_hash(package)
    monkeypatch.setattr(module, "version", lambda name: "0.0")
    assert code_hash(package) != before


def test_the_package_itself_is_meant() -> None:
    assert code_hash() == code_hash(Path(module.__file__).parent) != code_hash(Path(__file__))

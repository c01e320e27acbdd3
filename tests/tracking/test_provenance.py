from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from churn_pipeline.tracking.provenance import code_tags, file_sha256, git_user


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "params.yaml").write_text("a: 1\n")
    for folder in ("data/bank", "conf/bank"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data/metrics.json").write_text("{}")
    for command in (
        "init -q",
        "config user.name Ada",
        "config user.email ada@example.org",
        "add .",
        "commit -q -m first",
    ):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    return tmp_path


def head(checkout: Path) -> str:
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("path", "is_dirty"),
    [
        ("params.yaml", True),
        ("new.py", True),
        ("conf/bank/params.yaml", True),
        ("data/metrics.json", False),
        ("dvc.lock", False),
        ("data/bank/dvc.lock", False),
    ],
)
def test_changes_other_than_results_make_a_run_dirty(
    checkout: Path, path: str, is_dirty: bool
) -> None:
    assert code_tags(checkout) == {"git_commit": head(checkout), "git_dirty": "false"}
    (checkout / path).write_text("changed")
    expected = "true" if is_dirty else "false"
    assert code_tags(checkout) == {"git_commit": head(checkout), "git_dirty": expected}


def test_an_experiment_counts_as_a_change_of_its_baseline(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "plum-acts")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "b" * 40)
    tags = code_tags(checkout)
    assert tags["dvc_experiment"] == "plum-acts"
    assert tags["git_commit"] == "b" * 40


def test_no_checkout_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)
    assert code_tags(tmp_path) == {}


def test_git_knows_who_commits(checkout: Path) -> None:
    assert git_user(checkout) == "Ada"


def test_sha256_of_the_published_example(tmp_path: Path) -> None:
    """FIPS 180-2 (2002), appendix B.1: the message "abc"."""
    (tmp_path / "message").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "message") == expected

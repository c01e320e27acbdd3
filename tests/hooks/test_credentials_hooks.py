from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from churn_pipeline.errors import DataError
from churn_pipeline.hooks import CredentialsHooks
from churn_pipeline.io.credentials import project_credentials

LOCAL = "source: {user: reader, password: '${oc.env:BANK_PASSWORD}'}\nother: {key: 1}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANK_PASSWORD", "hush")
    for folder in ("base", "local", "bank"):
        (tmp_path / "conf" / folder).mkdir(parents=True)
    (tmp_path / "conf/local/credentials.yml").write_text(LOCAL)
    return tmp_path


def test_entries_are_those_of_the_local_file_for_every_data_set(project: Path) -> None:
    expected = {
        "source": {"user": "reader", "password": "hush"},
        "sink": {},
        "other": {"key": 1},
    }
    for environment in (None, "local", "bank", "absent"):
        assert project_credentials(project, environment) == expected


def test_a_data_set_may_have_its_own(project: Path) -> None:
    (project / "conf/bank/credentials.yml").write_text("source: {user: bank}\n")
    assert project_credentials(project, "bank")["source"] == {"user": "bank"}
    assert project_credentials(project)["source"]["user"] == "reader"


def test_without_a_file_all_are_empty(tmp_path: Path) -> None:
    assert project_credentials(tmp_path) == {"source": {}, "sink": {}}
    (tmp_path / "conf/local").mkdir(parents=True)
    (tmp_path / "conf/local/credentials.yml").write_text("source:\n")
    assert project_credentials(tmp_path) == {"source": {}, "sink": {}}


@pytest.mark.parametrize(
    "text", ["source: {password: hush", "- hush", "source: {a: '${oc.env:ABSENT_HUSH}'}"]
)
def test_a_broken_file_is_one_sentence_without_its_text(project: Path, text: str) -> None:
    (project / "conf/local/credentials.yml").write_text(text)
    with pytest.raises(DataError, match=r"conf/local/credentials\.yml cannot be read") as caught:
        project_credentials(project)
    assert "hush" not in str(caught.value).lower()


def test_copies_of_the_project_use_those_of_the_project_itself(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(project))
    loader: dict[str, Any] = {}
    context: Any = SimpleNamespace(
        config_loader=loader, project_path=tmp_path / ".dvc/tmp/exp", env="local"
    )
    CredentialsHooks().after_context_created(context)
    assert loader["credentials"]["source"]["password"] == "hush"

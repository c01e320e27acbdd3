from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.datasets.config_loader import DatasetConfigLoader
from churn_pipeline.errors import DataError
from churn_pipeline.io.credentials import (
    database_credentials,
    project_credentials,
    storage_credentials,
)

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
        "ledger": {},
        "other": {"key": 1},
    }
    for environment in (None, "local", "bank", "absent"):
        assert project_credentials(project, environment) == expected


def test_a_data_set_may_have_its_own(project: Path) -> None:
    (project / "conf/bank/credentials.yml").write_text("source: {user: bank}\n")
    assert project_credentials(project, "bank")["source"] == {"user": "bank"}
    assert project_credentials(project)["source"]["user"] == "reader"


def test_without_a_file_all_are_empty(tmp_path: Path) -> None:
    assert project_credentials(tmp_path) == {"source": {}, "sink": {}, "ledger": {}}
    (tmp_path / "conf/local").mkdir(parents=True)
    (tmp_path / "conf/local/credentials.yml").write_text("source:\n")
    assert project_credentials(tmp_path) == {"source": {}, "sink": {}, "ledger": {}}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("source: {password: hush", r"line 1, is not valid YAML"),
        ("a: 1\nsource: [\n  : hush", r"line \d, is not valid YAML"),
        ("- hush", "is not valid YAML with an entry such as `source` or `sink`"),
        ("source: hush", "`source` needs keys such as user and password"),
        ("source: {a: '${oc.env:ABSENT}'}", "the variable ABSENT of `source` is not set"),
        ("source: {a: '${hush}'}", "`source` refers to something that cannot be found"),
    ],
)
def test_a_broken_entry_is_one_sentence_for_whoever_uses_it(
    project: Path, text: str, sentence: str
) -> None:
    (project / "conf/local/credentials.yml").write_text(text)
    entries = project_credentials(project)
    for use in (database_credentials, storage_credentials):
        with pytest.raises(DataError, match=rf"conf/local/credentials\.yml.*{sentence}") as caught:
            use(entries["source"])
        assert "hush" not in str(caught.value)


def test_an_unset_variable_concerns_its_own_entry_only(project: Path) -> None:
    (project / "conf/local/credentials.yml").write_text(
        "source: {password: '${oc.env:BANK_PASSWORD}'}\n"
        "sink: {password: '${oc.env:ABSENT}'}\n"
        "warehouse: {password: '${oc.env:ABSENT}'}\n"
    )
    entries = project_credentials(project)
    assert database_credentials(entries["source"]) == {"password": "hush"}
    with pytest.raises(DataError, match="the variable ABSENT of `sink`"):
        database_credentials(entries["sink"])
    with pytest.raises(DataError, match="the variable ABSENT of `warehouse`"):
        entries["warehouse"]  # of a dataset of the user's own catalog


def test_copies_of_the_project_use_those_of_the_project_itself(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(project))
    copy = tmp_path / ".dvc/tmp/exp"
    (copy / "conf/base").mkdir(parents=True)
    (copy / "params.yaml").write_text("a: 1\n")
    loader = DatasetConfigLoader(
        copy / "conf", config_patterns={}, base_env="base", default_run_env="local"
    )
    assert loader["credentials"]["source"]["password"] == "hush"

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kedro.io import DatasetError
from optuna.trial import create_trial

from churn_pipeline.io.study_journal import StudyJournalDataset
from churn_pipeline.modeling.tuning.studies import StudyJournal


def test_the_journal_comes_into_being_when_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "studies.journal"
    dataset = StudyJournalDataset(filepath=str(path), metadata={"dvc": {"kind": "state"}})
    assert dataset.exists()
    assert not path.exists()
    journal = dataset.load()
    assert isinstance(journal, StudyJournal)
    trial = create_trial(value=0.5)
    trial.number = 0
    journal.append("mine", trial)
    assert [found.value for found in dataset.load().finished_trials("mine")] == [0.5]


def test_the_journal_is_never_saved_by_the_catalog(tmp_path: Path) -> None:
    dataset: Any = StudyJournalDataset(filepath=str(tmp_path / "studies.journal"))
    with pytest.raises(DatasetError, match="writes itself"):
        dataset.save(1)


def test_the_catalog_keeps_it_out_of_dvc(root: Path) -> None:
    import yaml

    catalog = yaml.safe_load((root / "conf/base/catalog.yml").read_text(encoding="utf-8"))
    entry = catalog["studies"]
    assert entry["type"] == "churn_pipeline.io.study_journal.StudyJournalDataset"
    assert entry["metadata"]["dvc"]["kind"] == "state"
    ignored = (root / ".gitignore").read_text(encoding="utf-8").split()
    assert any(entry["filepath"].startswith(line.strip("/") + "/") for line in ignored)
    stages = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert ".optuna" not in str(stages)

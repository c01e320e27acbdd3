"""Which data sets a command touches."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.locking import all_places, new_place, place, places_that_read
from churn_pipeline.locking.places import project_of_repository, touched_places

PARAMS = "dataset: {{name: {}, folder: {}, contract: c}}\ningestion: {{source: {}}}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tables = {
        "": ("data", "data/01_raw/simulated.csv"),
        "north": ("data/north", "shared.csv"),
        "south": ("elsewhere", "shared.csv"),
    }
    for name, (folder, source) in tables.items():
        conf = tmp_path / "conf" / name if name else tmp_path
        conf.mkdir(parents=True, exist_ok=True)
        (conf / "params.yaml").write_text(PARAMS.format(name or "x", folder, source))
        (conf / "dvc.yaml").touch()
    (tmp_path / "pyproject.toml").write_text('[tool.kedro]\npackage_name = "churn_pipeline"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_folder_is_that_of_the_params_file(project: Path) -> None:
    folders = {item.name: item.folder for item in all_places(project)}
    assert folders == {
        "": project / "data",
        "north": project / "data/north",
        "south": project / "elsewhere",
    }
    assert place(project, "local").title == "the built-in data set"
    (project / "conf/south/params.yaml").write_text("half: [")
    assert place(project, "south").folder == project / "data/south"
    assert new_place(project, "new").folder == project / "data/new"


def test_a_repository_of_dvc_is_that_of_a_data_set(project: Path) -> None:
    def names(repository: Path) -> list[str]:
        assert project_of_repository(repository) == project
        return [item.name for item in touched_places(project, repository)]

    assert names(project / "data/north") == ["north"]
    assert names(project) == ["", "north", "south"]  # as the stages lie in conf
    for name in ("north", "south"):
        (project / "conf" / name / "dvc.yaml").unlink()
    assert names(project) == [""]


def test_other_projects_are_left_alone(tmp_path: Path) -> None:
    assert project_of_repository(tmp_path / "other") is None
    (tmp_path / "pyproject.toml").write_text('[tool.kedro]\npackage_name = "other"\n')
    assert project_of_repository(tmp_path) is None


def test_who_reads_a_table(project: Path) -> None:
    read = places_that_read(project, project / "shared.csv")
    assert [item.name for item in read] == ["north", "south"]
    drawn = places_that_read(project, project / "data/01_raw/simulated.csv")
    assert [item.name for item in drawn] == [""]
    assert places_that_read(project, project / "data/01_raw/other.csv") == []

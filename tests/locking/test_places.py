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


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ([], ["", "north", "south"]),
        (["dvc.yaml"], [""]),
        (["evaluation"], [""]),
        (["data/06_models/bundle"], [""]),
        (["conf/north/dvc.yaml"], ["north"]),
        (["conf/north/dvc.yaml:features"], ["north"]),
        (["data/north/08_reporting"], ["north"]),
        (["elsewhere/06_models", "evaluation"], ["", "south"]),
        (["data"], ["", "north", "south"]),
        (["."], ["", "north", "south"]),
        (["conf/*/dvc.yaml"], ["", "north", "south"]),
    ],
)
def test_targets_of_dvc_name_data_sets(project: Path, targets: list[str], names: list[str]) -> None:
    found = touched_places(project, project, targets)
    assert sorted(item.name for item in found) == names


def test_targets_are_taken_from_the_current_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "conf/north")
    for target in ("dvc.yaml", "features", ":features"):
        assert [item.name for item in touched_places(project, project, [target])] == ["north"]


def test_a_repository_within_the_project_is_its_data_sets(project: Path) -> None:
    found = touched_places(project, project / "conf/north", [])
    assert [item.name for item in found] == ["north"]
    assert project_of_repository(project / "conf/north") == project


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

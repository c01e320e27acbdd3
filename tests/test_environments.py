from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.environments import (
    Dataset,
    dataset_of_dvc_root,
    dvc_root,
    dvc_yaml_path,
    environment_folder,
    environments,
    params_file,
    params_name,
    project_of,
    read_dataset,
)
from churn_pipeline.errors import DatasetNameError, ParameterError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two data sets of its own and an environment that only overrides something."""
    for folder in ("base", "local", "bank", "saas", "staging", ".bank.partial"):
        (tmp_path / "conf" / folder).mkdir(parents=True)
    for folder in (".", "conf/bank", "conf/saas", "conf/local", "conf/.bank.partial"):
        name = Path(folder).name or "built_in"
        data = "data" if folder == "." else f"data/{name}"
        text = f"dataset: {{name: {name}, folder: {data}, contract: c.yml}}\n"
        (tmp_path / folder / "params.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_data_sets_are_the_folders_with_parameters(project: Path) -> None:
    assert environments(project) == ["bank", "saas"]


@pytest.mark.parametrize(
    ("env", "name", "folder", "dvc"),
    [
        (None, "", ".", "."),
        ("", "", ".", "."),
        ("base", "", ".", "."),
        ("local", "", ".", "."),
        ("staging", "", ".", "."),
        ("bank", "bank", "conf/bank", "data/bank"),
    ],
)
def test_an_environment_has_the_parameters_of_a_data_set(
    project: Path, env: str | None, name: str, folder: str, dvc: str
) -> None:
    assert params_name(project, env) == name
    assert params_file(project, env) == project / folder / "params.yaml"
    assert dvc_root(project, env) == project / dvc
    assert dvc_yaml_path(project, env) == project / dvc / "dvc.yaml"
    assert dataset_of_dvc_root(project, project / dvc) == name
    assert project_of(params_file(project, env)) == project


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("data/saas", "the saas data set"),
        ("data/saas/two", "the saas data set"),
        ("./data//saas/.", "the saas data set"),
        ("data", "the built-in data set"),
        (".", "not a folder within"),
        ("data/06_models/bank", "the built-in data set"),
        ("../bank", "not a folder within"),
        ("/data/bank", "not a folder within"),
    ],
)
def test_a_folder_that_is_not_its_own_is_refused(project: Path, folder: str, said: str) -> None:
    text = f"dataset: {{name: bank, folder: {folder}, contract: c.yml}}\n"
    (project / "conf/bank/params.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=rf"^conf/bank/params\.yaml: .*{said}.*use data/bank"):
        dvc_root(project, "bank")
    if said != "the saas data set":
        assert dvc_root(project, "saas") == project / "data/saas"


def test_the_broken_parameters_of_another_data_set_do_not_matter(project: Path) -> None:
    (project / "conf/saas/params.yaml").write_text("a: [", encoding="utf-8")
    assert dvc_root(project, "bank") == project / "data/bank"


@pytest.mark.parametrize("name", ["01_raw", "08_reporting"])
def test_a_layer_of_the_built_in_data_set_is_no_data_set(project: Path, name: str) -> None:
    with pytest.raises(DatasetNameError, match=rf"data/{name} would be a folder of the"):
        environment_folder(project, name)


@pytest.mark.parametrize("env", ["bnak", "../bank", "bank/", ".bank.partial", " "])
def test_an_unknown_data_set_gets_the_known_ones(project: Path, env: str) -> None:
    with pytest.raises(
        DatasetNameError, match=r"there is no data set .*existing data sets are bank, saas, and"
    ):
        params_file(project, env)


def test_without_others_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetNameError, match="no others yet"):
        params_file(tmp_path, "bank")


@pytest.mark.parametrize("name", ["a.b", "", "_x", "-x", "a b", "../x", "über", "base", "local"])
def test_names_that_cannot_be_a_data_set(project: Path, name: str) -> None:
    with pytest.raises(DatasetNameError, match="cannot be the name of a data set"):
        environment_folder(project, name)


def test_a_data_set_says_where_its_files_are(project: Path) -> None:
    assert read_dataset(params_file(project, "bank")) == Dataset("bank", "data/bank", "c.yml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("a: [", "is not valid YAML"),
        ("", "has no section dataset"),
        ("dataset: {name: x}", "has no section dataset with the keys name, folder and contract"),
        ("dataset: {name: x, folder: y, contract: z, more: 1}", "has no section dataset"),
    ],
)
def test_a_damaged_file_gets_one_sentence(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "params.yaml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=message):
        read_dataset(file)


def test_paths_of_a_file_elsewhere_begin_beside_it(tmp_path: Path) -> None:
    assert project_of(tmp_path / "settings" / "params.yaml") == tmp_path / "settings"

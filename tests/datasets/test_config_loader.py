from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn_pipeline.datasets.config_loader import DatasetConfigLoader
from churn_pipeline.errors import DatasetNameError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")

    write("params.yaml", "dataset: {folder: data}\nsplit: {seed: 1, test_share: 0.2}\n")
    write("conf/bank/params.yaml", "dataset: {folder: data/bank}\nsplit: {seed: 2}\n")
    table = "{type: pandas.CSVDataset, filepath: '${globals:dataset.folder}/table.csv'}"
    write("conf/base/catalog.yml", f"table: {table}\n")
    write("conf/base/mlflow.yml", "id: '${params_file:}'\n")
    write("conf/local/credentials.yml", "lake: {key: shared}\nstore: {key: shared}\n")
    write("conf/bank/credentials.yml", "store: {key: own}\n")
    write("conf/staging/mlflow.yml", "id: staging\n")
    return tmp_path


def loader(project: Path, env: str | None = None, **runtime: Any) -> DatasetConfigLoader:
    patterns = {"mlflow": ["mlflow*"]}
    return DatasetConfigLoader(
        project / "conf",
        env,
        runtime,
        base_env="base",
        default_run_env="local",
        config_patterns=patterns,
    )


@pytest.mark.parametrize("env", [None, "local", "staging"])
def test_the_built_in_data_set_has_the_roots_parameters(project: Path, env: str | None) -> None:
    config = loader(project, env)
    assert config["parameters"]["split"] == {"seed": 1, "test_share": 0.2}
    assert config["catalog"]["table"]["filepath"] == "data/table.csv"
    assert config.params_file == project / "params.yaml"


def test_a_data_set_has_its_own_and_none_of_the_roots(project: Path) -> None:
    config = loader(project, "bank")
    assert config["parameters"]["split"] == {"seed": 2}
    assert config["catalog"]["table"]["filepath"] == "data/bank/table.csv"


def test_runtime_parameters_have_the_last_word(project: Path) -> None:
    config = loader(project, "bank", split={"seed": 3})
    assert config["parameters"]["split"] == {"seed": 3}


def test_loaders_side_by_side_keep_to_their_own_file(project: Path) -> None:
    bank, built_in = loader(project, "bank"), loader(project)
    assert bank["mlflow"]["id"] == str(project / "conf/bank/params.yaml")
    assert built_in["mlflow"]["id"] == str(project / "params.yaml")


def test_credentials_of_the_machine_hold_for_every_data_set(project: Path) -> None:
    assert loader(project, "bank")["credentials"] == {
        "lake": {"key": "shared"},
        "store": {"key": "own"},
        # those that the catalog names
        "source": {},
        "sink": {},
        "ledger": {},
    }
    assert loader(project)["credentials"]["store"] == {"key": "shared"}


def test_an_unknown_data_set_is_refused(project: Path) -> None:
    with pytest.raises(DatasetNameError, match="there is no data set 'bnak'"):
        loader(project, "bnak")

from __future__ import annotations

from pathlib import Path

import pandas as pd
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from churn_pipeline.hooks import StagedPartsHooks
from churn_pipeline.io.staged_parts import StagedPartsDataset
from churn_pipeline.pipelines.scoring import create_pipeline


def after(pipeline: Pipeline, folder: Path) -> bool:
    """Tell whether the parts are there after a run of the pipeline."""
    dataset = StagedPartsDataset(filepath=str(folder / "parts"))
    parts = dataset.load()
    parts.begin("key")
    parts.write_frame("accepted-00000", pd.DataFrame({"id": ["somebody"]}))
    catalog = DataCatalog({"scoring_parts": dataset})
    StagedPartsHooks().after_pipeline_run(pipeline=pipeline, catalog=catalog)
    return (folder / "parts").exists()


def test_the_parts_go_when_all_is_made_of_them(tmp_path: Path) -> None:
    assert not after(create_pipeline(), tmp_path)


def test_they_stay_when_only_some_nodes_have_run(tmp_path: Path) -> None:
    assert after(create_pipeline().to_nodes("score_customers"), tmp_path)
    assert after(Pipeline([]), tmp_path)

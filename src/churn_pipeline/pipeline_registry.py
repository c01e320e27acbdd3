"""The project's pipelines, in the order in which data flow; each is one DVC stage.

Those that run on demand only are no stage and not part of ``__default__``. Each is a namespace of
its own name, which kedro-viz folds into one box: its nodes are ``evaluation.measure`` and so on,
its datasets and parameters keep their names.
"""

import os
from pathlib import Path

import yaml
from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

from churn_pipeline.environments import has_own_table, params_file, params_name

SIMULATION = "simulation"
PIPELINES = (
    SIMULATION,
    "ingestion",
    "features",
    "tuning",
    "training",
    "export",
    "evaluation",
    "decisions",
    "acceptance",
    "packaging",
    "feature_search",
    "scoring",
    "publishing",
)
ON_DEMAND = ("feature_search", "scoring", "publishing")
_ROOT = Path(__file__).resolve().parents[2]


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name; ``__default__`` is all but those on demand.

    Without the simulation where the data set that ``KEDRO_ENV`` names has a table of its own.

    ``kedro run --pipelines NAME`` imports that pipeline alone: the libraries of the others would
    cost seconds.
    """
    found = find_pipelines(raise_errors=True)
    pipelines = {
        name: Pipeline(found[name], namespace=name, prefix_datasets_with_namespace=False)
        for name in PIPELINES
        if name in found
    }
    left_out = {*ON_DEMAND, *([] if _draws_customers() else [SIMULATION])}
    default = [pipeline for name, pipeline in pipelines.items() if name not in left_out]
    return {**pipelines, "__default__": sum(default, Pipeline([]))}


def _draws_customers() -> bool:
    name = params_name(_ROOT, os.environ.get("KEDRO_ENV"))
    if not name:
        return True
    parameters = yaml.safe_load(params_file(_ROOT, name).read_text(encoding="utf-8"))
    return not has_own_table(name, parameters)

"""The project's pipelines, in the order in which data flow; each is one DVC stage.

Those that run on demand only are no stage and not part of ``__default__``.
"""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

PIPELINES = (
    "simulation",
    "ingestion",
    "features",
    "tuning",
    "training",
    "export",
    "evaluation",
    "acceptance",
    "packaging",
    "feature_search",
    "scoring",
    "publishing",
)
ON_DEMAND = ("feature_search", "scoring", "publishing")


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name; ``__default__`` is all but those on demand.

    ``kedro run --pipelines NAME`` imports that pipeline alone: the libraries of the others would
    cost seconds.
    """
    found = find_pipelines(raise_errors=True)
    pipelines = {name: found[name] for name in PIPELINES if name in found}
    default = [pipeline for name, pipeline in pipelines.items() if name not in ON_DEMAND]
    return {**pipelines, "__default__": sum(default, Pipeline([]))}

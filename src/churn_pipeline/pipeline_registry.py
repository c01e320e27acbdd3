"""The project's pipelines, in the order in which data flow; each is one DVC stage."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

PIPELINES = (
    "simulation",
    "ingestion",
    "features",
    "tuning",
    "training",
    "evaluation",
    "acceptance",
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name; ``__default__`` is all of them.

    ``kedro run --pipelines NAME`` imports that pipeline alone: the libraries of the others would
    cost seconds.
    """
    found = find_pipelines(raise_errors=True)
    pipelines = {name: found[name] for name in PIPELINES if name in found}
    return {**pipelines, "__default__": sum(pipelines.values(), Pipeline([]))}

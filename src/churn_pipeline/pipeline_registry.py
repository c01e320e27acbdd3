"""The project's pipelines, in the order in which data flow; each is one DVC stage."""

from kedro.pipeline import Pipeline

from churn_pipeline.pipelines import evaluation, features, ingestion, simulation, training


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name; ``__default__`` is all of them."""
    pipelines = {
        "simulation": simulation.create_pipeline(),
        "ingestion": ingestion.create_pipeline(),
        "features": features.create_pipeline(),
        "training": training.create_pipeline(),
        "evaluation": evaluation.create_pipeline(),
    }
    return {**pipelines, "__default__": sum(pipelines.values(), Pipeline([]))}

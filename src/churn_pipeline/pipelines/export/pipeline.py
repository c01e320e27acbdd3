"""Export: the champion as a scorer without pickles, which all that follows uses."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.export.nodes import export_scorer


def create_pipeline() -> Pipeline:
    """Convert the champion to ONNX and compare every customer's score."""
    return pipeline(
        [
            node(
                export_scorer,
                inputs=["model", "features", "train", "model_contract"],
                outputs=["scorer", "parity"],
                name="export_scorer",
            ),
        ],
        tags="export",
    )

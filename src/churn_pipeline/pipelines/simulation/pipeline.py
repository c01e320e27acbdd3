"""Simulation: draw customers with known truth."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.simulation.nodes import draw_customers


def create_pipeline() -> Pipeline:
    """Draw the built-in default customers."""
    return pipeline(
        [
            node(
                draw_customers,
                inputs=["simulated_kind", "params:simulation.customers", "params:simulation.seed"],
                outputs=["raw_customers@simulated", "simulated_truth"],
                name="draw_customers",
            )
        ],
        tags="simulation",
    )

"""Feature search: propose derived columns, keep those that help, write them for a person."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.feature_search.nodes import search_features


def create_pipeline() -> Pipeline:
    """Search derived columns that improve a logistic regression on the training set."""
    return pipeline(
        [
            node(
                search_features,
                inputs=["train", "model_contract", "params:feature_search"],
                outputs=["feature_search", "proposed_columns"],
                name="search_features",
            ),
        ],
        tags="feature_search",
    )

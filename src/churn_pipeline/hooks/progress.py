"""One line a node, and a summary at the end."""

import logging
import time
from typing import Any

import yaml
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import configure_logging
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from churn_pipeline.reporting.scoring_summary import summarise_scoring
from churn_pipeline.reporting.summary import summarise, summarise_data

logger = logging.getLogger(__name__)


class ProgressHooks:
    """Shows progress and prints a summary."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}
        self._context: KedroContext | None = None

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        # Kedro itself looks for this file in the current folder only
        config = context.project_path / "conf" / "logging.yml"
        configure_logging(yaml.safe_load(config.read_text(encoding="utf-8")))
        self._context = context

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self._started[node.name] = time.perf_counter()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        seconds = time.perf_counter() - self._started.pop(node.name)
        logger.info("  %-28s %6.1f s", node.short_name, seconds)

    @hook_impl
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        assert self._context is not None
        outputs = pipeline.all_outputs()
        folder = str(self._context.config_loader["globals"]["dataset"]["folder"])
        if "model_card" in outputs:
            parts = ("metrics", "selection", "economics", "fairness", "gates", "data_quality")
            logger.info(
                summarise(
                    **{part: catalog.load(part) for part in parts},
                    split_record=catalog.load("split"),
                    evaluation=catalog.load("params:evaluation"),
                    churned=catalog.load("test_predictions")["churned"].tolist(),
                    currency=catalog.load("params:economics.currency"),
                    folder=folder,
                )
            )
        elif "scores" in outputs:
            logger.info(summarise_scoring(catalog.load("scoring_report"), folder))
        elif "data_quality" in outputs:
            logger.info(summarise_data(catalog.load("data_quality"), folder))

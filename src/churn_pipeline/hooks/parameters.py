"""Check ``params.yaml`` before anything runs."""

import os
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from churn_pipeline.environments import dvc_root
from churn_pipeline.named_files import use_files
from churn_pipeline.parameters import check_parameters

_BEFORE_THE_MODEL = {"simulation", "ingestion", "features", "tuning", "training"}


class ParameterHooks:
    """Refuses parameters that no pipeline could use, with one sentence."""

    def __init__(self) -> None:
        self._candidates: dict[str, Any] = {}

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        # not context.params: that would import every pipeline
        loader = context.config_loader
        source = Path(os.path.relpath(loader.params_file, context.project_path)).as_posix()
        use_files(params=source)
        parameters = loader["parameters"]
        check_parameters(parameters, source)
        use_files(contract=parameters["dataset"]["contract"])
        self._candidates = parameters["candidates"]
        dvc_root(context.project_path, context.env)  # refuses a folder that another data set has

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Try the settings of the candidates where they will be used, or might later be."""
        if {tag for node in pipeline.nodes for tag in node.tags} & _BEFORE_THE_MODEL:
            # imports that the other pipelines need not pay for
            from churn_pipeline.modeling.candidate_settings import check_candidates

            check_candidates(self._candidates)

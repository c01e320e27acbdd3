"""Check ``params.yaml`` before anything runs."""

import os
from pathlib import Path

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from churn_pipeline.environments import dvc_root
from churn_pipeline.parameters import check_parameters


class ParameterHooks:
    """Refuses parameters that no pipeline could use, with one sentence."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        # not context.params: that would import every pipeline
        loader = context.config_loader
        source = Path(os.path.relpath(loader.params_file, context.project_path)).as_posix()
        check_parameters(loader["parameters"], source)
        dvc_root(context.project_path, context.env)  # refuses a folder that another data set has

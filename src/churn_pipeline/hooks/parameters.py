"""Check ``params.yaml`` before anything runs."""

import os
from pathlib import Path

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from churn_pipeline.named_files import use_files
from churn_pipeline.parameters import check_parameters


class ParameterHooks:
    """Refuses parameters that no pipeline could use, with one sentence."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        # not context.params: that would import every pipeline
        loader = context.config_loader
        source = Path(os.path.relpath(loader.params_file, context.project_path)).as_posix()
        use_files(params=source)
        parameters = loader["parameters"]
        check_parameters(parameters, source)
        use_files(contract=parameters["dataset"]["contract"])

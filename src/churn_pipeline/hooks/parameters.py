"""Check ``params.yaml`` before anything runs."""

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from churn_pipeline.parameters import check_parameters


class ParameterHooks:
    """Refuses parameters that no pipeline could use, with one sentence."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        # not context.params: that would import every pipeline
        check_parameters(context.config_loader["parameters"])

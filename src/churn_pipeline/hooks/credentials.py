"""Credentials for the catalog."""

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from churn_pipeline.io.credentials import project_credentials
from churn_pipeline.orchestration.tracking import tracking_root


class CredentialsHooks:
    """Gives the catalog the entries of ``credentials.yml``; without the file they are empty."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        # throw-away copies of the project (`dvc exp run --temp`) lack what git does not track
        context.config_loader["credentials"] = project_credentials(tracking_root(), context.env)

"""The commands that the project adds to ``kedro``."""

from kedro.framework.cli.utils import LazyGroup

# each is imported when it is called: `kedro run` pays for no other
_MODULES = {
    "api-key": "churn_pipeline.serving.key_commands.api_key",
    "audit": "churn_pipeline.serving.audit.commands.audit",
    "campaign": "churn_pipeline.cli.campaign.campaign",
    "contract": "churn_pipeline.cli.contract.contract",
    "dvc-yaml": "churn_pipeline.cli.dvc_yaml.dvc_yaml",
    "ledger": "churn_pipeline.cli.ledger.ledger",
    "model": "churn_pipeline.cli.model.model",
    "run": "churn_pipeline.cli.run.run",
    "simulate": "churn_pipeline.cli.simulate.simulate",
    "undo": "churn_pipeline.cli.undo.undo",
}

cli = LazyGroup(
    "churn_pipeline",
    lazy_subcommands=_MODULES,
    help="Commands of the churn_pipeline project.",
)

"""The commands that the project adds to ``kedro``."""

import click

from churn_pipeline.cli.contract import contract
from churn_pipeline.cli.dvc_yaml import dvc_yaml
from churn_pipeline.cli.model import model
from churn_pipeline.cli.run import run
from churn_pipeline.cli.simulate import simulate
from churn_pipeline.cli.undo import undo
from churn_pipeline.serving.audit.commands import audit
from churn_pipeline.serving.key_commands import api_key

cli = click.Group(
    "churn_pipeline",
    commands=[run, contract, model, simulate, undo, dvc_yaml, api_key, audit],
    help="Commands of the churn_pipeline project.",
)

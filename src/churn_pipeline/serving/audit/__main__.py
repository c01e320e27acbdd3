"""``python -m churn_pipeline.serving.audit``: the commands without Kedro."""

from churn_pipeline.serving.audit.commands import audit

audit(prog_name="python -m churn_pipeline.serving.audit")

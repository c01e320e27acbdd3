"""The project's ``kedro`` commands, a module each; Kedro looks for them here.

Those of the service (``kedro api-key``, ``kedro audit``) are in ``serving``: they run in the
container, which has no Kedro.
"""

from churn_pipeline.cli.project import cli as cli

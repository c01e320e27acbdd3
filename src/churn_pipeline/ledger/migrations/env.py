"""Executed by Alembic: applies the versions in the transaction of whoever asked for it."""

from alembic import context

from churn_pipeline.ledger.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()

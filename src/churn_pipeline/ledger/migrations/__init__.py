"""Versions of the ledger's schema, applied by Alembic (see :mod:`churn_pipeline.ledger`)."""

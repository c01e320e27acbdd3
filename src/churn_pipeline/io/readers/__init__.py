"""Readers of raw tables, a kind of source each; :mod:`churn_pipeline.io.raw_table` chooses."""

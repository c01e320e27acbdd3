"""A reproducible customer-churn system: Kedro and DVC in front, one scoring code behind."""

from churn_pipeline import arithmetic as arithmetic  # before anything imports NumPy

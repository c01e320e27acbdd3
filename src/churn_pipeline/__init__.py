"""A reproducible customer-churn system: Kedro and DVC in front, one scoring code behind."""

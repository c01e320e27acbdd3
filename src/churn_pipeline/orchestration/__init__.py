"""How Kedro, DVC and MLflow fit together."""

"""MLflow: the store, the run of one execution, the registry, promotion."""

"""DVC stages, generated from the Kedro pipelines."""

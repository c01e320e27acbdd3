"""The stages of DVC, made from the Kedro pipelines."""

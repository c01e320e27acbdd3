"""The Kedro pipelines; each folder holds pure nodes and a declarative pipeline."""

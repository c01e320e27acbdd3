"""Candidate models, their comparison, and the metrics of a probabilistic classifier."""

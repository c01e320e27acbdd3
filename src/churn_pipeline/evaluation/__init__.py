"""Evaluation on the test set: metrics, calibration, explanations, fairness, gates."""

"""What the test set says of a model: metrics, calibration, explanations, fairness, gates."""

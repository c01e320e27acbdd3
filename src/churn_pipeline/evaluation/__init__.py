"""What the test side says of a model: metrics, calibration, explanations, fairness, gates."""

"""How metrics are called in texts for people."""

METRIC_NAMES = {
    "roc_auc": "ROC-AUC",
    "average_precision": "Average precision",
    "log_loss": "Log loss",
    "brier_score": "Brier score",
    "expected_calibration_error": "Expected calibration error",
    "accuracy": "Accuracy of the decision",
    "precision": "Precision of the decision",
    "recall": "Recall of the decision",
    "f1": "F1 of the decision",
    "recall_at_top": "Recall in the top",
    "lift_at_top": "Lift in the top",
}

# of the fairness audit
GROUP_METRIC_NAMES = {
    "churn_rate": "Churn rate",
    "selection_rate": "Share contacted",
    "recall": "Recall",
    "precision": "Precision",
    "calibration_error": "Calibration error",
}

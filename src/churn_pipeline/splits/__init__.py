"""Which rows are in the training set, the test set and each fold."""

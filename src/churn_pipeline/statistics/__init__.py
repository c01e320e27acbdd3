"""Statistical tests and intervals."""

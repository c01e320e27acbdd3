"""The decisions pipeline."""

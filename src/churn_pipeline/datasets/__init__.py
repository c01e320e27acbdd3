"""Data sets: created, configured, returned to the last commit."""

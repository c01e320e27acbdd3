"""The search of every candidate's settings."""

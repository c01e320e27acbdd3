"""Tuning of the candidates' settings."""

"""Candidate models: definition, comparison, choice and recalibration."""

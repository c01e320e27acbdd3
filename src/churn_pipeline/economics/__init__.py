"""Profit of decisions."""

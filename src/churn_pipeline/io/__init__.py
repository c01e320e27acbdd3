"""Catalog datasets of the project: atomic writers, the raw customer table, the contract."""

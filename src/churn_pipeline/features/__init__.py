"""Inputs of the models: derived columns, combinations and encoders."""

"""Data sets: creation, configuration, undo."""

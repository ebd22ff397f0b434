"""Reads plans and policies: YAML with positions, typed validation, errors that name file, line and column."""

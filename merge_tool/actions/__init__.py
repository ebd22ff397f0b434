"""What a story does: one file an action, a frozen dataclass whose fields are its YAML schema, with `run`."""

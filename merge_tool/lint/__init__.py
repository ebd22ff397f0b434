"""The linters' machinery: finds files, loads rules by path, runs them, applies suppressions and baselines."""

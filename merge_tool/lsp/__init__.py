"""The language server: findings, explanations and mends in the editor."""

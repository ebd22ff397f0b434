"""Codemods: source text in, changed source text and a list of what was left to a person out. One file a codemod."""

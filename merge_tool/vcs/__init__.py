"""Git: the only package that uses GitPython."""

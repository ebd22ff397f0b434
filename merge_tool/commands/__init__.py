"""One file a verb: parses options, calls one function below, returns an exit code. Heavy imports stand inside the functions."""

"""The miniature upstream and fork, made from the sources in `fixtures/`."""

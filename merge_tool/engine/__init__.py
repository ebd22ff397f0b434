"""Runs a plan: order, journal, stops and the way through them. See `runner` for the order of writes that makes a kill harmless."""

"""Finds the actions: every module of this package that has an `ACTION`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import merge_tool.actions as package


@cache
def action_types() -> dict[str, type]:
    """The class of each action kind."""
    found: dict[str, type] = {}
    for info in pkgutil.iter_modules(package.__path__):
        action = getattr(importlib.import_module(f"{package.__name__}.{info.name}"), "ACTION", None)
        if action is not None:
            found[action.kind] = action
    return dict(sorted(found.items()))

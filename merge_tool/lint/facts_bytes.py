"""Facts as bytes, for the cache and between processes. Reading them back can make facts and nothing else."""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

from merge_tool.model import source
from merge_tool.rulekit import facts, project, schema, values
from merge_tool.rulekit.facts import ModuleFacts, Unreadable

_PROTOCOL = 5
_RECURSION = 8000
# The classes that bytes may name. A pickle of anything else is refused before it can do something.
_KNOWN: dict[tuple[str, str], Any] = {
    (module.__name__, name): found
    for module in (facts, values, source, project, schema)
    for name, found in vars(module).items()
    if isinstance(found, type) and found.__module__ == module.__name__
} | {("builtins", "complex"): complex, ("builtins", "frozenset"): frozenset}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """A class of facts; nothing else is ever looked up."""
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is no fact") from None


def to_bytes(item: ModuleFacts | Unreadable) -> bytes:
    """The facts of a file as bytes; those of a file whose values are nested too deeply say that instead."""
    try:
        return plain_bytes(item)
    except RecursionError:
        return plain_bytes(Unreadable(item.path, "its values are nested too deeply to be followed"))


def from_bytes(data: bytes) -> ModuleFacts | Unreadable | None:
    """The facts that `to_bytes` wrote; None where the bytes are not such, whatever they are."""
    found = plain_value(data)
    return found if isinstance(found, ModuleFacts | Unreadable) else None


def plain_bytes(value: object) -> bytes:
    """Facts, what was told of them, and plain containers of both, as bytes.

    Raises:
        RecursionError: they are nested deeper than a value of any program that people write.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(
        max(limit, _RECURSION)
    )  # a text that is put together of a thousand parts is as deep
    try:
        return pickle.dumps(value, _PROTOCOL)
    finally:
        sys.setrecursionlimit(limit)


def plain_value(data: bytes) -> Any:
    """What `plain_bytes` wrote; None where the bytes are not such, whatever they are."""
    try:
        return _Reader(io.BytesIO(data)).load()
    except Exception:  # noqa: BLE001 - broken bytes fail in many ways; each means: work it out again
        return None

"""Names that a text reads although nothing in it binds them: what is left where one side removed what the other uses."""

from __future__ import annotations

import builtins
import re
import symtable
import warnings

_KNOWN = frozenset(dir(builtins)) | {
    "__file__", "__path__", "__annotations__", "__builtins__", "__class__", "__module__", "__qualname__", "__dict__",
    "reveal_type", "WindowsError", "unicode", "basestring", "long", "xrange", "raw_input", "unichr", "reduce", "cmp", "reload",
}  # fmt: skip
_STAR = re.compile(r"^[ \t]*from\s+\S+\s+import\s*\(?\s*\*", re.MULTILINE)
_DYNAMIC = re.compile(r"\bglobals\s*\(\s*\)|\bexec\s*\(")


def unbound(text: str) -> frozenset[str]:
    """The global names that a Python text reads and nowhere binds.

    Returns:
        Names; none where that cannot be told (a star import, `globals()`, a text that this Python does not read).
    """
    if _STAR.search(text) or _DYNAMIC.search(text):
        return frozenset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            top = symtable.symtable(text, "file.py", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return frozenset()
    read: set[str] = set()
    bound: set[str] = set()
    stack: list[symtable.SymbolTable] = [top]
    while stack:
        table = stack.pop()
        stack += table.get_children()
        for symbol in table.get_symbols():
            name = symbol.get_name()
            makes = symbol.is_assigned() or symbol.is_imported() or symbol.is_annotated()
            if table is top:
                if makes or symbol.is_namespace() or symbol.is_parameter():
                    bound.add(name)
                elif symbol.is_referenced():
                    read.add(name)
            elif symbol.is_global():
                if makes or symbol.is_namespace():
                    bound.add(name)
                elif symbol.is_referenced():
                    read.add(name)
    return frozenset(read - bound - _KNOWN)


def newly_unbound(merged: str, *sides: str) -> frozenset[str]:
    """Names that are unbound in a merge and in none of its sides; the sides are read only where there is one."""
    found = unbound(merged)
    for side in sides if found else ():
        found -= unbound(side)
    return found


def line_of(text: str, name: str) -> int:
    """The first line that holds a name as a word, from 1; 0 without."""
    match = re.search(rf"\b{re.escape(name)}\b", text)
    return text.count("\n", 0, match.start()) + 1 if match else 0

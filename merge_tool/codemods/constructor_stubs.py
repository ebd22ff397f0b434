"""Constructors written into classes that have none, as text, so that what stands around them stays."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from merge_tool.codemods.scopes import FunctionNode, Module


@dataclass(frozen=True, slots=True)
class Stub:
    """A constructor to put into a class.

    Attributes:
        line: the line of the class.
        at: the number of lines before it.
        code: its lines, each with its end.
        lines: how many.
    """

    line: int
    at: int
    code: str
    lines: int

    def put(self, text: str) -> str:
        """The text with it."""
        rows = _rows(text)
        before, after = "".join(rows[: self.at]), "".join(rows[self.at :])
        end = "\r\n" if "\r\n" in text else "\n"
        code = self.code
        if before and not before.endswith(("\n", "\r")):
            before += end
            code = code.removesuffix(end)
        return before + code + after


def stub_at(module: Module, klass: ast.ClassDef, name: str) -> Stub | None:
    """A constructor that keeps a value which it is not given yet, before the first method; None where there is no place."""
    first = klass.body[0]
    if first.lineno == klass.lineno:
        return None
    rows = _rows(module.text)
    end = "\r\n" if "\r\n" in module.text else "\n"
    own = rows[first.lineno - 1]
    indent = own[: len(own) - len(own.lstrip())]
    outer = rows[klass.lineno - 1][: len(rows[klass.lineno - 1]) - len(rows[klass.lineno - 1].lstrip())]
    step = indent.removeprefix(outer) or "    "
    code = [f"{indent}def __init__(self) -> None:", f"{indent}{step}self.{name} = {name}"]
    method = next((item for item in klass.body if isinstance(item, FunctionNode | ast.ClassDef)), None)
    if method is None:
        at = max(item.end_lineno or item.lineno for item in klass.body)
        code = ["", *code]
    else:
        line = min([method.lineno, *(item.lineno for item in method.decorator_list)])
        while rows[line - 2].lstrip().startswith("#"):
            line -= 1
        at = line - 1
        code = [*code, ""]
    return Stub(klass.lineno, at, "".join(row + end for row in code), len(code))


def _rows(text: str) -> list[str]:
    """The lines of a text with their ends, as Python counts them."""
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$", text)

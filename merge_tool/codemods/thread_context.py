"""Asks the tenant's context at the start of a function that nobody can hand the tenant to."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.names import Names
from merge_tool.codemods.places import start_of
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.spelling import spell


@dataclass(frozen=True, slots=True)
class Question:
    """What a function asks.

    Attributes:
        name: the variable or parameter that gets the answer.
        call: the call that gives it, as the file writes it.
        needs: the imports of the call.
        fallback: whether it is asked only where the parameter is None.
    """

    name: str
    call: str
    needs: tuple[ImportNeed, ...]
    fallback: bool

    def code(self) -> str:
        """The statement."""
        plain = f"{self.name} = {self.call}()"
        return f"if {self.name} is None:\n    {plain}" if self.fallback else plain


def question(
    names: Names, module: Module, function: FunctionNode, name: str, context: str, fallback: bool
) -> Question | None:
    """What a function would ask, None where it cannot.

    Args:
        names: the project.
        module: the function's file.
        function: the function.
        name: the variable that gets the answer.
        context: the dotted name of what gives the tenant of the context, or raises where there is none.
        fallback: whether the function has a parameter of that name, and asks only where it is None.
    """
    scope = module.body_of[function]
    if name in scope.elsewhere or (not fallback and name in scope.bindings):
        return None
    first = _first(function)
    if first is None or first.lineno == function.lineno:
        return None
    spelled = spell(names, module, context)
    return None if spelled.reason else Question(name, spelled.code, spelled.needs, fallback)


def write_question(asked: Question, module: Module, function: FunctionNode, edits: FileEdits) -> None:
    """Adds the statement before the first one of the function that is no docstring."""
    first = _first(function)
    assert first is not None  # question() looked
    edits.before.setdefault(start_of(module.text, first), []).append(asked.code())
    edits.imports += asked.needs


def _first(function: FunctionNode) -> ast.stmt | None:
    """The first statement that is no docstring; None where there is none."""
    body = function.body
    told = (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )
    return body[0] if not told else body[1] if len(body) > 1 else None

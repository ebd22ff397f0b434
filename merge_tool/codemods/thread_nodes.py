"""What is planned of one function into which values are threaded, and of the calls of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.parameters import NewParameter
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.thread_context import Question
from merge_tool.codemods.uses import Use
from merge_tool.model.source import NotDone


@dataclass(eq=False)
class Passing:
    """What one call gets."""

    module: Module
    call: ast.Call
    keywords: dict[str, tuple[str, ast.AST | None]] = field(
        default_factory=dict
    )  # code, and the caller that needs it
    awaited: bool = False


@dataclass(eq=False)
class Node:
    """One function in the plan."""

    module: Module
    function: FunctionNode
    uses: list[Use]
    fastapi: bool
    added: dict[str, tuple[NewParameter, list[ImportNeed]]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # value's name -> the parameter's
    made_async: bool = False
    passing: dict[ast.Call, Passing] = field(default_factory=dict)
    needs: set[ast.AST] = field(default_factory=set)  # callers that must change together with it
    blocked: list[NotDone] = field(default_factory=list)
    left: list[NotDone] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    followed: bool = False  # reached from a call that passes the value
    forwards: bool = False  # hands its `*args, **kwargs` on, so that its callers pass the value through it
    own: bool = False  # blocked by what it is itself, not by a caller
    lost: bool = False  # blocked by what asking the context would not mend
    asked: Question | None = None  # what it takes from the context

    @property
    def label(self) -> str:
        return self.module.qualname[self.function]


def forwards(call: ast.Call, function: FunctionNode) -> bool:
    """Whether a call hands on all keywords that the function around it was given."""
    kwarg = function.args.kwarg
    return kwarg is not None and any(
        item.arg is None and isinstance(item.value, ast.Name) and item.value.id == kwarg.arg
        for item in call.keywords
    )


def optional(module: Module, annotation: str) -> str:
    """An annotation that takes None too, as the file writes it."""
    return f"Optional[{annotation}]" if "Optional" in module.scope.bindings else f"{annotation} | None"


def passes(use: Use, node: Node, name: str, held: str) -> bool:
    """Whether a call passes the parameter already."""
    assert use.call is not None
    call = use.call
    if any(item.arg == name for item in call.keywords):
        return True
    if not held:
        return False
    positional = [item.arg for item in (*node.function.args.posonlyargs, *node.function.args.args)]
    given = len(call.args) - (1 if use.kind == "partial" else 0) + (1 if use.bound else 0)
    if name in positional and positional.index(name) < given:
        return True
    # What `*args` and `**kwargs` hold is not known: the call is taken to mean what it says.
    return any(isinstance(item, ast.Starred) for item in call.args) or any(
        item.arg is None for item in call.keywords
    )

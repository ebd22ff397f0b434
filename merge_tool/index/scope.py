"""The function or class that is being read, and its facts when it has been."""

from __future__ import annotations

from dataclasses import dataclass, field

from merge_tool.model.source import Span
from merge_tool.rulekit.facts import ClassFacts, Fallback, FunctionFacts, Parameter, Read, Store, Write
from merge_tool.rulekit.values import Call, Query, Ref, Sink, Value


@dataclass(slots=True, eq=False)
class Scope:
    """A function that is being read, or the top level."""

    name: str
    qualname: str
    class_name: str
    parent: str
    calls: list[Call] = field(default_factory=list)
    returns: list[Value] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)
    imports: dict[str, str] = field(default_factory=dict)
    constants_read: set[str] = field(default_factory=set)
    attributes_read: set[str] = field(default_factory=set)
    checks: list[Value] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    fallbacks: list[Fallback] = field(default_factory=list)
    raises: bool = False
    globals: set[str] = field(default_factory=set)
    finals: list[Call] = field(default_factory=list)
    roots: dict[int, Query] = field(default_factory=dict)  # the longest statement built so far on each root


@dataclass(slots=True, eq=False)
class ClassScope:
    """A class that is being read."""

    facts: ClassFacts
    instance: dict[str, Value]


def facts_of(
    path: str,
    scope: Scope,
    variables: dict[str, Value],
    header: Span,
    end_line: int,
    is_async: bool,
    params: tuple[Parameter, ...],
    decorators: tuple[Value, ...],
    result: Value | None = None,
) -> FunctionFacts:
    return FunctionFacts(
        path,
        scope.name,
        scope.qualname,
        scope.class_name,
        scope.parent,
        header,
        end_line,
        is_async,
        params,
        decorators,
        tuple(scope.calls),
        tuple(scope.returns),
        tuple(scope.sinks),
        scope.imports,
        variables,
        frozenset(scope.constants_read),
        frozenset(scope.attributes_read),
        result,
        tuple(scope.checks),
        tuple(scope.writes),
        tuple(scope.reads),
        tuple(scope.stores),
        tuple(scope.fallbacks),
        tuple(scope.finals),
        scope.raises,
    )


def keep(functions: dict[str, FunctionFacts], qualname: str, facts: FunctionFacts) -> None:
    """Keeps a function under its name, or beside it where the name means another one: all of them are checked.

    A name means what was defined last; a property's setter leaves it to the getter.
    """
    earlier = functions.get(qualname)
    if earlier is not None:
        last = {item.last for item in facts.decorators if isinstance(item, Ref)}
        later = not last & {"setter", "deleter"}
        number = 2
        while f"{qualname}#{number}" in functions:
            number += 1
        functions[f"{qualname}#{number}"] = earlier if later else facts
        if not later:
            return
    functions[qualname] = facts

"""What is wrong with a file that git merged without a conflict: the checks of the cascade, at the price of one parse."""

from __future__ import annotations

import ast

from merge_tool.codemods.text import decode_source
from merge_tool.merging.bindings import line_of, newly_unbound
from merge_tool.merging.checks import came_in, count_problems, tree_problem, twice_in
from merge_tool.merging.facts import Fact, facts_of, parse


def clean_problem(base: bytes | None, ours: bytes, theirs: bytes, merged: bytes) -> tuple[str, str]:
    """Why a clean merge of a Python file cannot be called clean, "" where nothing is wrong with it.

    A merge that does not parse, or holds twice what each side has once (a definition, an import, a key, a keyword, a
    route, an entry of `__all__`), or reads a name that one side removed. What a side had itself counts as known. The
    sides are parsed only where the merged text looks wrong.

    Args:
        base: None where both sides added the file.

    Returns:
        `(kind, what is wrong)`: `unparsable` or `unsound`; two empty texts where nothing is.
    """
    try:
        text = decode_source(merged).text
        sides = [decode_source(side).text for side in (base or b"", ours, theirs)]
    except ValueError:
        return "", ""
    try:
        tree = parse(text)
    except SyntaxError as error:
        if all(map(_parses, sides[1:])):
            return "unparsable", f"it does not parse: line {error.lineno}: {error.msg}"
        return "", ""
    problem = _doubled(tree, text, sides) or _unbound(text, sides)
    return ("unsound", problem) if problem else ("", "")


def _parses(text: str) -> bool:
    try:
        parse(text)
    except SyntaxError:
        return False
    return True


def _doubled(tree: ast.Module, text: str, sides: list[str]) -> str:
    now = facts_of(tree)
    spans = came_in(sides[1], text)
    twice = tree_problem(tree, spans, frozenset())
    many = {fact: count for fact, count in now.items() if count > 1}
    if not twice and not many:
        return ""
    try:
        ours = parse(sides[1])
        own = facts_of(ours)
        if not twice and all(own[fact] >= count for fact, count in many.items()):
            return ""
        base, theirs = parse(sides[0]), parse(sides[2])
    except SyntaxError:
        return ""
    if twice and (problem := tree_problem(tree, spans, twice_in(ours) | twice_in(theirs))):
        return problem
    facts = [facts_of(base), own, facts_of(theirs)]
    for fact in count_problems(facts, now):
        if now[fact] > max(side[fact] for side in facts):
            return f"{_called(fact)} would stand {now[fact]} times{_lines(tree, fact)}"
    return ""


def _called(fact: Fact) -> str:
    return f"the {fact[0]} {fact[-1]}"


def _lines(tree: ast.Module, fact: Fact) -> str:
    """Where a definition stands, as ` (lines 3 and 9)`; "" for what is no definition."""
    if fact[0] != "definition":
        return ""
    name = fact[1].rpartition(".")[2]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    lines = sorted(node.lineno for node in ast.walk(tree) if isinstance(node, kinds) and node.name == name)
    return f" (lines {' and '.join(map(str, lines[:4]))})"


def _unbound(text: str, sides: list[str]) -> str:
    gone = sorted(newly_unbound(text, *sides[1:]))
    if not gone:
        return ""
    base = sides[0]
    name = next((item for item in gone if line_of(base, item)), gone[0])
    where = f" (line {line})" if (line := line_of(text, name)) else ""
    more = f", and {len(gone) - 1} more" if len(gone) > 1 else ""
    return f"one side removed {name}, and the other still uses it{where}{more}"

"""What is wrong with a merge that looks clean: something lost, something doubled, a comma missing."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from merge_tool.merging.diff import changes
from merge_tool.merging.facts import Fact, blocks_of, names_used, scopes_of
from merge_tool.merging.lexer import Line, Token

_NEVER_TWICE = frozenset({"definition", "import", "entry", "key", "route"})


def count_problems(sides: Sequence[Counter[Fact]], merged: Counter[Fact]) -> list[Fact]:
    """Facts of base, ours and theirs that the merge has too few or too many of.

    What both sides added may stand once or as often as both added it, but what both added alike must stand once.
    An import that one side removed may stand: it was kept because it is used.
    """
    found: list[Fact] = []
    base, ours, theirs = sides
    changed = {fact for side in (ours, theirs, merged) for fact, _ in side.items() ^ base.items()}
    for fact in changed:
        b, o, t, m = base[fact], ours[fact], theirs[fact], merged[fact]
        low, high = expected(b, o, t)
        if fact[0] in _NEVER_TWICE:
            high = min(high, max(o, t, 1)) if min(o, t) <= 1 else high
        if fact[0] == "import":
            high = max(high, min(b, 1), min(o, 1), min(t, 1))
        if fact[0] == "name":
            low, high = min(low, 1), max(high, o, t)
        if not low <= m <= high:
            found.append(fact)
    return sorted(found)


def expected(base: int, ours: int, theirs: int) -> tuple[int, int]:
    """How often something may stand in a merge: the fewest and the most."""
    own, other = ours - base, theirs - base
    if own == 0 or other == 0:
        return base + own + other, base + own + other
    if own > 0 and other > 0:
        return (max(ours, theirs), base + own + other) if own != other else (ours, ours)
    if own < 0 and other < 0:
        return max(base + own + other, 0), min(ours, theirs)
    return max(min(base + own + other, ours, theirs), 0), max(base + own + other, base)


def tree_problem(tree: ast.Module, spans: list[tuple[int, int]], known: frozenset[str]) -> str:
    """What the parser lets pass and Python does not mean, within the lines that were merged; "" without.

    Args:
        spans: first and last line, from 1, of what the cascade wrote.
        known: problems of the same kind that a side had already, as this function words them.
    """
    if problem := _late_future(tree):
        return "" if problem in known else problem
    for node in _within(tree.body, spans):
        for inner in ast.walk(node) if not hasattr(node, "body") else _shallow(node):
            problem = _twice(inner)
            if problem and problem not in known:
                return problem
    return ""


def came_in(ours: str, merged: str) -> list[tuple[int, int]]:
    """First and last line, from 1, of what a merge has that ours has not."""
    found = changes(ours.split("\n"), merged.split("\n"))
    return [(change.new_start + 1, max(change.new_end, change.new_start + 1)) for change in found]


def twice_in(tree: ast.Module) -> frozenset[str]:
    """Everything that stands twice somewhere in a tree, as `tree_problem` words it."""
    found = {problem for node in ast.walk(tree) if (problem := _twice(node))}
    return frozenset(found | {_late_future(tree)})


def _late_future(tree: ast.Module) -> str:
    """The parser takes `from __future__` anywhere, the compiler only before all else."""
    early = True
    for number, node in enumerate(tree.body):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level:
            if not early:
                return "from __future__ does not stand first"
        elif number or not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            early = False
    return ""


def _within(block: list[ast.stmt], spans: list[tuple[int, int]]) -> Iterator[ast.stmt]:
    for node in block:
        first, last = node.lineno, node.end_lineno or node.lineno
        decorators = getattr(node, "decorator_list", ())
        first = min([first, *(item.lineno for item in decorators)])
        if any(start <= last and first <= end for start, end in spans):
            yield node
            for part in blocks_of(node):
                yield from _within(part, spans)


def _shallow(node: ast.stmt) -> Iterator[ast.AST]:
    """A compound statement's header: everything but its blocks."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield from ast.walk(child)


def _twice(node: ast.AST) -> str:
    """What stands twice in one node, "" where nothing does."""
    names: list[str] = []
    what = ""
    if isinstance(node, ast.Call):
        what, names = "the keyword", [item.arg for item in node.keywords if item.arg]
    elif isinstance(node, ast.Dict):
        what, names = "the key", [repr(key.value) for key in node.keys if isinstance(key, ast.Constant)]
    elif isinstance(node, ast.arguments):
        rest = [item for item in (node.vararg, node.kwarg) if item]
        what = "the parameter"
        names = [item.arg for item in (*node.posonlyargs, *node.args, *node.kwonlyargs, *rest)]
    elif isinstance(node, ast.Set):
        what, names = "the entry", [repr(item.value) for item in node.elts if isinstance(item, ast.Constant)]
    counted = Counter(names)
    twice = next((name for name, count in counted.items() if count > 1), "")
    return f"{what} {twice} stands twice" if twice else ""


def lost_imports(tree: ast.Module, base: Counter[Fact], merged: Counter[Fact]) -> set[str]:
    """Names whose import the base had in a scope, the merge has not, and the code of that scope reads all the same."""
    gone = [(fact[1], fact[-1]) for fact in base if fact[0] == "import" and not merged[fact]]
    if not gone:
        return set()
    bound = {(fact[1], fact[-1]) for fact, count in merged.items() if count and fact[0] == "import"}
    bound |= {
        _split(fact[1]) for fact, count in merged.items() if count and fact[0] in ("definition", "name")
    }
    missing = [(scope, name) for scope, name in gone if not _bound(scope, name, bound)]
    if not missing:
        return set()
    used = {scope: names_used(node) for scope, node in scopes_of(tree, {scope for scope, _ in missing})}
    return {name for scope, name in missing if name in used.get(scope, ())}


def _split(name: str) -> tuple[str, str]:
    """`Class.method` as its scope `Class.` and its name."""
    head, dot, last = name.rpartition(".")
    return head + dot, last


def _bound(scope: str, name: str, bound: set[tuple[str, str]]) -> bool:
    """Whether a scope or one around it binds a name."""
    while True:
        if (scope, name) in bound:
            return True
        if not scope:
            return False
        scope = _split(scope.rstrip("."))[0]


def joined_strings(lines: list[Line]) -> Counter[tuple[str, str]]:
    """Pairs of strings with nothing between them: where a comma may be missing."""
    found: Counter[tuple[str, str]] = Counter()
    for line in lines:
        code = [token for token in line.tokens if token.kind != "comment"]
        for one, other in pairwise(code):
            if one.kind == other.kind == "string":
                found[one.text, other.text] += 1
    return found


def comments(lines: list[Line]) -> Counter[str]:
    """The comments, by their text."""
    return Counter(token.text for token in tokens(lines) if token.kind == "comment")


def tokens(lines: list[Line]) -> Iterator[Token]:
    """The tokens of all lines."""
    for line in lines:
        yield from line.tokens


def _words(lines: list[Line]) -> Counter[str]:
    """Names, numbers and strings."""
    return Counter(token.same for token in tokens(lines) if token.kind in ("name", "number", "string"))


def _fewest(base: list[Line], ours: list[Line], theirs: list[Line]) -> dict[str, int]:
    """How often each word must stand in a merge at least, for no edit of a side to be lost."""
    old, own, other = map(_words, (base, ours, theirs))
    return {text: expected(old[text], own[text], other[text])[0] for text in own.keys() | other.keys()}


def stretch_problem(base: list[Line], ours: list[Line], theirs: list[Line], merged: list[Line]) -> str:
    """What is wrong with a merged stretch against its three sides; "" without."""
    old, own, other, now = map(comments, (base, ours, theirs, merged))
    for text in old.keys() | own.keys() | other.keys() | now.keys():
        low, high = expected(old[text], own[text], other[text])
        if not low <= now[text] <= high:
            return f"the comment {text[:40]!r} would be {'lost' if now[text] < low else 'doubled'}"
    words = _words(merged)
    for text, low in _fewest(base, ours, theirs).items():
        if low > words[text]:
            return f"{text[:40]!r} of one side would be lost"
    joined = joined_strings(merged)
    allowed = joined_strings(ours) | joined_strings(theirs)
    if joined - allowed and sum(joined.values()) > sum(allowed.values()):
        return "two strings would be joined without a comma"
    return ""

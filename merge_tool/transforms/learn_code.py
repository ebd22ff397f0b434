"""What the fork put in again and again: a parameter, an argument, a predicate, the start of keys."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from merge_tool.codemods.text import parse_python
from merge_tool.model.policy import Policy
from merge_tool.transforms.evidence import Proposal

_KEY = re.compile(r"[\w.{}-]+:[\w.{}:*-]*")
_STATEMENTS = frozenset({"select", "update", "delete", "query", "exists", "count"})
_MOST_NAMED = 400  # functions that a proposal names one by one; past that the codemod finds them itself


class Code:
    """One text's functions, calls, comparisons and strings."""

    def __init__(self, text: str) -> None:
        self.functions: dict[str, dict[str, str]] = {}  # parameters with their annotations, by qualified name
        self.arguments: Counter[tuple[str, str, str]] = Counter()  # (called, keyword, value)
        self.calls: Counter[str] = Counter()
        self.predicates: Counter[tuple[str, str]] = Counter()  # (column, value)
        self.statements = 0
        self.keys: Counter[str] = Counter()
        try:
            self._read(parse_python(text))
        except SyntaxError:
            return

    def _read(self, tree: ast.Module) -> None:
        stack: list[tuple[str, ast.AST]] = [("", tree)]
        while stack:
            scope, node = stack.pop()
            inner = scope
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                inner = f"{scope}{node.name}."
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                self.functions[inner[:-1]] = {item.arg: _text(item.annotation) for item in every}
            elif isinstance(node, ast.Call):
                self._call(node)
            elif isinstance(node, ast.Compare):
                self._compare(node)
            elif isinstance(node, (ast.JoinedStr, ast.Constant)) and (key := _key(node)):
                self.keys[key] += 1
                continue
            stack += [(inner, child) for child in ast.iter_child_nodes(node)]

    def _call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else _text(node.func)
        self.calls[name] += 1
        self.statements += name in _STATEMENTS
        for item in node.keywords:
            if item.arg:
                self.arguments[name, item.arg, _text(item.value)] += 1

    def _compare(self, node: ast.Compare) -> None:
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq) and isinstance(node.left, ast.Attribute):
            self.predicates[node.left.attr, _text(node.comparators[0])] += 1


def _text(node: ast.expr | None) -> str:
    return ast.unparse(node) if node is not None else ""


def _key(node: ast.expr) -> str:
    """A string that looks like a key, with its replaced parts as `{…}`."""
    if isinstance(node, ast.Constant):
        text = node.value if isinstance(node.value, str) else ""
    else:
        assert isinstance(node, ast.JoinedStr)
        text = "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"{{{_text(part.value)}}}"
            for part in node.values
            if isinstance(part, (ast.Constant, ast.FormattedValue))
        )
    return text if len(text) < 200 and _KEY.fullmatch(text.replace("(", "").replace(")", "")) else ""


def additions(files: Mapping[str, tuple[str, str]], policy: Policy, least: int) -> Iterator[Proposal]:
    """Repeated additions.

    Args:
        files: `(base's text, fork's text)` by path.
        least: in how many places at least.
    """
    pairs: dict[str, tuple[Code, Code]] = {}
    for path, (old, new) in files.items():
        code = Code(old)
        pairs[path] = code, code if old == new else Code(new)
    models = _models(files, policy)
    yield from _parameters(pairs, policy, least, models)
    yield from _arguments(list(pairs.values()), policy, least)
    yield from _predicates(list(pairs.values()), policy, least, models)
    yield from _keys(list(pairs.values()), policy, least)


def _models(files: Mapping[str, tuple[str, str]], policy: Policy) -> dict[str, list[str]]:
    """The files in which the fork's models declare the tenant column that the base's have not: codemods must read those."""
    column = re.compile(
        rf"^[ \t]+{policy.column}[ \t]*[:=][^#\n]*\b(?:Column|mapped_column|Mapped|Field)\b", re.MULTILINE
    )
    found = [path for path, (old, new) in files.items() if column.search(new) and not column.search(old)]
    return {"context": found} if found else {}


def _parameters(
    pairs: Mapping[str, tuple[Code, Code]], policy: Policy, least: int, models: Mapping[str, list[str]]
) -> Iterator[Proposal]:
    known: dict[str, dict[str, str]] = {}  # functions of the base that the fork has, with their parameters
    got: dict[str, list[str]] = defaultdict(list)
    for path, (old, new) in pairs.items():
        for name, parameters in old.functions.items():
            if name in new.functions:
                dotted = f"{path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}.{name}"
                known[dotted] = parameters
                for added in new.functions[name].keys() - parameters.keys():
                    got[added].append(dotted)
    for added, names in got.items():
        if len(names) < least:
            continue
        trigger, applied, could = _trigger(added, names, known)
        where = f"functions that take {trigger}" if trigger else "functions"
        transform: dict[str, object] = {}
        note = "thread-tenant makes it where it is the policy's parameter"
        if added == policy.parameter:
            few = len(names) <= _MOST_NAMED
            options: dict[str, object] = (
                {"functions": sorted(names)} if few else {"unscoped": True, "context": True}
            )
            transform, note = {"codemod": "thread-tenant", "options": options, **models}, ""
        yield Proposal("parameter", f"{where} take {added}", applied, could, transform, note)


def _trigger(
    added: str, names: Sequence[str], known: Mapping[str, Mapping[str, str]]
) -> tuple[str, int, int]:
    """The parameter that best tells which functions are meant.

    Returns:
        It, or "" for all functions; to how many of those the new one was added; and how many they are.
    """
    beside = {other for name in names for other in known[name]}
    best = "", len(names), sum(added not in item for item in known.values())
    for other in sorted(beside - {"self", "cls"}):
        applied = sum(other in known[name] for name in names)
        could = sum(other in item and added not in item for item in known.values())
        if applied / (len(names) + could) >= best[1] / (len(names) + best[2]):
            best = other, applied, could
    return best


def _arguments(pairs: Sequence[tuple[Code, Code]], policy: Policy, least: int) -> Iterator[Proposal]:
    added: Counter[tuple[str, str]] = Counter()
    callees: dict[tuple[str, str], set[str]] = defaultdict(set)
    for old, new in pairs:
        for (name, keyword, value), count in (new.arguments - old.arguments).items():
            if old.calls[name]:
                added[keyword, value] += min(count, old.calls[name])
                callees[keyword, value].add(name)
    for (keyword, value), applied in added.most_common():
        if applied >= least:
            could = sum(old.calls[name] for old, _ in pairs for name in callees[keyword, value])
            note = "comes with the parameter, by thread-tenant" if keyword == policy.parameter else ""
            yield Proposal(
                "argument", f"calls pass {keyword}={value}", applied, max(could, applied), {}, note
            )


def _predicates(
    pairs: Sequence[tuple[Code, Code]], policy: Policy, least: int, models: Mapping[str, list[str]]
) -> Iterator[Proposal]:
    added: Counter[tuple[str, str]] = Counter()
    for old, new in pairs:
        added.update(new.predicates - old.predicates)
    could = sum(old.statements for old, _ in pairs)
    by_column: Counter[str] = Counter()
    for (column, _), count in added.items():
        by_column[column] += count
    for column, applied in by_column.most_common():
        if applied < least:
            continue
        ours = column == policy.column
        transform: dict[str, object] = {"codemod": "filter-query", **models} if ours else {}
        note = "" if ours else "filter-query makes it where it is the policy's column"
        value = max((item for item in added.items() if item[0][0] == column), key=lambda item: item[1])[0][1]
        what = f"statements ask for {column} == {value}"
        yield Proposal("predicate", what, applied, max(could, applied), transform, note)


def _keys(pairs: Sequence[tuple[Code, Code]], policy: Policy, least: int) -> Iterator[Proposal]:
    prefixes: Counter[str] = Counter()
    could = 0
    for old, new in pairs:
        gone, came = old.keys - new.keys, new.keys - old.keys
        could += sum(old.keys.values())
        for key in gone:
            for other in came:
                if other.endswith(key) and other != key:
                    prefixes[other.removesuffix(key)] += min(gone[key], came[other])
    for prefix, applied in prefixes.most_common():
        if applied >= least and prefix.endswith(":"):
            ours = policy.parameter in prefix or policy.column in prefix
            transform = (
                {"codemod": "prefix-keys", "options": {"thread": True, "context": True}} if ours else {}
            )
            note = "" if ours else "prefix-keys makes it where it is the policy's tenant"
            yield Proposal(
                "key-prefix", f"keys begin with {prefix}", applied, max(could, applied), transform, note
            )

"""Runs one codemod for some findings: what its options are, and which sites it may edit, come from these and the policy."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from merge_tool.codemods.base import make_codemod
from merge_tool.codemods.names import Names
from merge_tool.codemods.run import read_sources, run_codemod
from merge_tool.codemods.scopes import FunctionNode, Module, parameters_of
from merge_tool.errors import UserError
from merge_tool.lint.moved import Moved
from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Edit, NotDone

Texts = Mapping[str, bytes]


@dataclass(slots=True)
class Ran:
    """What a codemod did.

    Attributes:
        texts: the new bytes of each file that changes.
        edits: its edits, and `left` the sites that it left.
        touched: the lines, by path, of the findings that it had in mind; None: all of each file that changes.
    """

    texts: dict[str, bytes] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    left: list[NotDone] = field(default_factory=list)
    touched: dict[str, set[int]] | None = None

    def touches(self, item: Diagnostic) -> bool:
        """Whether the codemod changed something for this finding's sake."""
        if self.touched is None:
            return item.path in self.texts
        lines = self.touched.get(item.path, set())
        return any(line in lines for line in range(item.span.line, item.span.end_line + 1))


def run_step(name: str, texts: Texts, policy: Policy, findings: Sequence[Diagnostic]) -> Ran:
    """Runs a codemod of `merge_tool.codemods.mends` for some findings; an option that cannot be had is a reason to leave all."""
    steps = {
        "add-route-dependency": _routes,
        "filter-query": _filter,
        "thread-tenant": _thread,
        "prefix-keys": _keys,
        "tenant-jwt": _tokens,
        "tenant-uniques": _uniques,
    }
    try:
        return steps[name](texts, policy, findings)
    except UserError as error:
        said = f"{error.message}: {error.hint}" if error.hint else error.message
        return Ran(left=[NotDone(item.path, item.span.line, name, said) for item in findings])


def _sites(findings: Sequence[Diagnostic]) -> dict[str, set[int]]:
    lines: dict[str, set[int]] = {}
    for item in findings:
        lines.setdefault(item.path, set()).update(range(item.span.line, item.span.end_line + 1))
    return lines


def _run(
    name: str,
    options: Mapping[str, object],
    texts: Texts,
    policy: Policy,
    paths: Collection[str],
    sites: Mapping[str, Collection[int]] | None = None,
) -> Ran:
    new, result = run_codemod(make_codemod(name, options), texts, sorted(paths), policy, sites)
    return Ran(new, list(result.edits), list(result.not_done))


def _filter(texts: Texts, policy: Policy, findings: Sequence[Diagnostic]) -> Ran:
    sites = _sites(findings)
    ran = _run("filter-query", {}, texts, policy, sites, sites)
    ran.touched = {}
    for edit in ran.edits:
        ran.touched.setdefault(edit.path, set()).add(edit.line)
    return ran


def _routes(texts: Texts, policy: Policy, findings: Sequence[Diagnostic]) -> Ran:
    sites = _sites(findings)
    names = _names(texts)
    ran = _run(
        "add-route-dependency", {"dependency": _dependency(names, policy)}, texts, policy, sites, sites
    )
    # What the codemod says stands at the function, the finding at a decorator above it or at a call that adds the route.
    ran.touched = {}
    for edit in ran.edits:
        ran.touched.setdefault(edit.path, set()).update(_route_lines(names, edit.path, edit.line))
    ran.left = [
        replace(item, line=line)
        for item in ran.left
        for line in sorted(_route_lines(names, item.path, item.line))
    ]
    return ran


def _route_lines(names: Names, path: str, line: int) -> set[int]:
    """The lines at which a route may be reported, of which a codemod speaks at one line of its function's head."""
    lines = {line}
    module = names.module(path)
    for function in _functions(module):
        first = min([function.lineno, *(item.lineno for item in function.decorator_list)])
        if module is not None and first <= line < max(function.body[0].lineno, function.lineno + 1):
            lines.update(range(first, function.lineno + 1))
            lines.update(call.lineno for call in module.calls() if _adds(call, function.name))
    return lines


def _adds(call: ast.Call, name: str) -> bool:
    adder = isinstance(call.func, ast.Attribute) and call.func.attr.startswith("add_api_")
    given = [*call.args, *(item.value for item in call.keywords)]
    return adder and any(isinstance(item, ast.Name) and item.id == name for item in given)


def _dependency(names: Names, policy: Policy) -> str:
    """The one dependency of the policy that the project has and that refuses a request without a tenant."""
    bare = {*policy.context.getters, *policy.context.requirers}
    found = {
        thing.dotted: item
        for item in policy.routes.dependencies
        if item not in bare and (thing := names.find(item)) is not None and thing.kind == "function"
    }
    if len(found) == 1:
        return next(iter(found.values()))
    how = "run merge-tool codemod add-route-dependency -o dependency=… yourself"
    if found:
        raise UserError(f"the policy names several dependencies ({', '.join(sorted(found))})", hint=how)
    raise UserError(
        "no function of the policy's routes.dependencies is defined here and refuses a request without a tenant",
        hint="name one there",
    )


def _thread(texts: Texts, policy: Policy, findings: Sequence[Diagnostic]) -> Ran:
    """Gives the functions around the findings the tenant, then filters the findings' statements by it."""
    names = _names(texts)
    left: list[NotDone] = []
    wanted: dict[str, list[Diagnostic]] = {}
    for item in findings:
        module = names.module(item.path)
        function = _around(module, item.span.line)
        if module is None or function is None:
            left.append(_left(item, "it stands in no function that a tenant can be given to"))
        elif any(part.arg == policy.parameter for part in parameters_of(function.args)):
            left.append(_left(item, f"its function has {policy.parameter} already"))
        elif len(module.functions.get(module.qualname.get(function, ""), ())) != 1:
            left.append(_left(item, "its function is defined more than once, or inside another"))
        else:
            wanted.setdefault(f"{module.name}.{module.qualname[function]}", []).append(item)
    if not wanted:
        return Ran(left=left)
    paths = {item.path for items in wanted.values() for item in items}
    ran = _run("thread-tenant", {"functions": tuple(sorted(wanted))}, texts, policy, paths)
    given = {**texts, **ran.texts}
    moves = {path: Moved(texts[path], data) for path, data in ran.texts.items() if path in texts}
    sites: dict[str, set[int]] = {}
    for items in wanted.values():
        for item in items:
            span = moves[item.path].span(item.span) if item.path in moves else item.span
            sites.setdefault(item.path, set()).update(range(span.line, span.end_line + 1))
    if not ran.texts:
        return Ran(left=[*left, *_of_functions(ran.left, wanted, names)])
    filtered = _run("filter-query", {}, given, policy, sites, sites)
    touched = _sites([item for items in wanted.values() for item in items if _given(names, item, ran.edits)])
    reasons = [*left, *_of_functions(ran.left, wanted, names)]
    return Ran({**ran.texts, **filtered.texts}, [*ran.edits, *filtered.edits], reasons, touched)


def _given(names: Names, item: Diagnostic, edits: Sequence[Edit]) -> bool:
    """Whether the function around a finding was changed."""
    function = _around(names.module(item.path), item.span.line)
    lines = range(function.lineno, (function.end_lineno or 0) + 1) if function is not None else ()
    return any(edit.path == item.path and edit.line in lines for edit in edits)


def _of_functions(
    left: Sequence[NotDone], wanted: Mapping[str, list[Diagnostic]], names: Names
) -> list[NotDone]:
    """What was said of functions and their callers, said of the findings inside those functions."""
    told = []
    for items in wanted.values():
        for item in items:
            function = _around(names.module(item.path), item.span.line)
            lines = range(function.lineno, (function.end_lineno or 0) + 1) if function is not None else ()
            own = [site.reason for site in left if site.path == item.path and site.line in lines]
            why = own[0] if own else "a caller of its function cannot be mended" if left else ""
            if why:
                told.append(_left(item, why))
    return told


def _left(item: Diagnostic, reason: str) -> NotDone:
    return NotDone(item.path, item.span.line, "thread-tenant", reason)


def _keys(texts: Texts, policy: Policy, findings: Sequence[Diagnostic]) -> Ran:
    """Changes the families of keys that the findings are of, wherever their other keys stand."""
    sites = _sites(findings)
    ran = _run("prefix-keys", {"thread": True}, texts, policy, sites, sites)
    ran.touched = sites
    for item in ran.left:
        ran.touched.get(item.path, set()).discard(item.line)
    return ran


def _tokens(texts: Texts, policy: Policy, findings: Sequence[Diagnostic]) -> Ran:
    done = Ran()
    for path in sorted({item.path for item in findings}):
        ran = _run("tenant-jwt", {"module": path}, {**texts, **done.texts}, policy, [path])
        done.texts.update(ran.texts)
        done.edits += ran.edits
        # A file's tokens are done together or not at all: what holds one back holds all back.
        own = [item for item in ran.left if item.path == path] or ran.left
        mine = [item for item in findings if item.path == path]
        done.left += [NotDone(path, item.span.line, "tenant-jwt", own[0].reason) for item in mine if own]
    return done


def _uniques(texts: Texts, policy: Policy, findings: Sequence[Diagnostic]) -> Ran:
    sites = _sites(findings)
    return _run("tenant-uniques", {}, texts, policy, sites, sites)


def _names(texts: Texts) -> Names:
    sources, _ = read_sources(texts, "")
    return Names({path: source.text for path, source in sources.items()})


def _functions(module: Module | None) -> list[FunctionNode]:
    return [item for items in module.functions.values() for item in items] if module is not None else []


def _around(module: Module | None, line: int) -> FunctionNode | None:
    """The innermost function around a line."""
    around = [item for item in _functions(module) if item.lineno <= line <= (item.end_lineno or item.lineno)]
    return max(around, key=lambda item: item.lineno, default=None)

"""The sites of a tree at which tenants could meet, found without running anything: queries, keys, raw SQL, routes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from merge_tool.model.policy import Policy
from merge_tool.plan.patterns import PathMatcher
from merge_tool.report.review_lines import Reason
from merge_tool.rulekit.project import Scoped

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex
    from merge_tool.lint.cache import Cache

TESTS = PathMatcher(("**/tests/**", "**/test/**", "**/test_*.py", "**/*_test.py", "**/conftest.py"))
_QUERY = {
    Scoped.NO: (40, "is not held to a tenant"),
    Scoped.PARTIAL: (30, "is held to a tenant on one branch only"),
    Scoped.UNDECIDED: (
        15,
        "cannot be decided: whether it is held to a tenant depends on what is not in the text",
    ),
    Scoped.OPTIONAL: (25, "loses its tenant filter where the tenant is None"),
    Scoped.YES: (3, "is held to the tenant; read whether to the right one"),
}
_KEY = {Scoped.NO: (30, "has no tenant in it"), Scoped.YES: (2, "has the tenant in it")}
_SQL = {"open": 40, "undecided": 15, "interpolated": 20}


@dataclass(frozen=True)
class Sites:
    """The sites of a tree, and which of its files some test imports.

    Attributes:
        by_path: the sites of each file, with the last line of each.
        tested: the files that a test imports; None where the tree has no test at all.
    """

    by_path: Mapping[str, tuple[tuple[Reason, int], ...]]
    tested: frozenset[str] | None

    def within(self, path: str, lines: frozenset[int]) -> Iterator[Reason]:
        """The sites of a file that a set of lines touches."""
        for reason, end in self.by_path.get(path, ()):
            if any(number in lines for number in range(reason.line, end + 1)):
                yield reason


def sites_of(texts: Mapping[str, bytes], policy: Policy, cache: Cache | None = None) -> Sites:
    """Reads a tree's Python files, or what the cache has of the very same ones.

    Args:
        texts: all Python files of the tree, by path. They are parsed, never executed.
        policy: what a tenant is in it.
        cache: where an earlier answer is looked for, and this one kept.
    """
    from merge_tool.lint.digests import RESULT_CODE, code_digest, digest, policy_digest

    parts = [item for path in sorted(texts) for item in (path, texts[path])]
    key = digest(
        "report sites", code_digest((*RESULT_CODE, "report/sites.py")), policy_digest(policy), *parts
    )
    known = cache.get([key]).get(key) if cache is not None else None
    if known is not None and (found := _read(known)) is not None:
        return found
    found = _find(texts, policy)
    if cache is not None:
        cache.put([(key, _bytes(found))])
    return found


def _find(texts: Mapping[str, bytes], policy: Policy) -> Sites:
    from merge_tool.index.project import ProjectIndex

    index = ProjectIndex.build(texts, policy)
    by_path: dict[str, dict[tuple[str, int, str], tuple[Reason, int]]] = {}
    for path, reason, end in (*_queries(index), *_keys(index), *_sql(index), *_routes(index)):
        by_path.setdefault(path, {}).setdefault((reason.kind, reason.line, reason.text), (reason, end))
    return Sites(
        {
            path: tuple(sorted(items.values(), key=lambda item: item[0].line))
            for path, items in by_path.items()
        },
        _tested(index),
    )


def _queries(index: ProjectIndex) -> Iterator[tuple[str, Reason, int]]:
    for path in index.modules:
        for item in index.query_verdicts(path):
            if item.entity and not index.is_tenant_model(item.entity):
                continue
            points, text = _QUERY[item.scoped]
            what = item.entity.rpartition(".")[2] or "a tenant's table"
            yield (
                item.path,
                Reason("query", points, f"{item.kind} of {what} {text}", item.span.line),
                item.span.end_line,
            )


def _keys(index: ProjectIndex) -> Iterator[tuple[str, Reason, int]]:
    for path in index.modules:
        for kind in ("key", "pattern", "channel", "lock"):
            for item in index.key_verdicts(path, kind):
                points, text = _KEY.get(
                    item.scoped, (12, "may lack the tenant: it cannot be decided from the text")
                )
                yield (
                    item.path,
                    Reason("key", points, f"Redis {kind} {item.key or '?'} {text}", item.span.line),
                    item.span.end_line,
                )


def _sql(index: ProjectIndex) -> Iterator[tuple[str, Reason, int]]:
    for path in index.modules:
        for item in index.sql_verdicts(path):
            verb, what = item.verb or "SQL", item.what or "an unknown table"
            said = {
                "open": f"raw {verb} of {what} is not held to a tenant",
                "interpolated": f"raw {verb} has {what} put into its text",
            }.get(item.kind, f"raw {verb} of {what} cannot be decided{': ' + item.why if item.why else ''}")
            yield item.path, Reason("sql", _SQL.get(item.kind, 15), said, item.span.line), item.span.end_line


def _routes(index: ProjectIndex) -> Iterator[tuple[str, Reason, int]]:
    for item in index.routes():
        name = f"route {item.method} {', '.join(item.paths[:2]) or '?'}"
        if item.has_tenant:
            yield (
                item.path,
                Reason(
                    "route",
                    3,
                    f"{name} takes its tenant by {item.by or 'what stands above it'}",
                    item.span.line,
                ),
                item.line,
            )
        else:
            why = index.why_open(item)
            yield (
                item.path,
                Reason(
                    "route",
                    12 if why else 40,
                    f"{name} takes no tenant{': ' + why if why else ''}",
                    item.span.line,
                ),
                item.line,
            )


def _tested(index: ProjectIndex) -> frozenset[str] | None:
    """The files that a test file imports by name; None where there is no test file."""
    tests = [module for path, module in index.modules.items() if TESTS.matches(path)]
    if not tests:
        return None
    by_module = {module.module: path for path, module in index.modules.items()}
    found = set()
    for module in tests:
        for item in module.import_sites:
            name = item.target
            while name and name not in by_module:
                name = name.rpartition(".")[0]
            if name:
                found.add(by_module[name])
    return frozenset(found)


def _bytes(sites: Sites) -> bytes:
    rows = {
        path: [(item.kind, item.points, item.text, item.line, end) for item, end in items]
        for path, items in sites.by_path.items()
    }
    return json.dumps([rows, None if sites.tested is None else sorted(sites.tested)]).encode()


def _read(data: bytes) -> Sites | None:
    try:
        rows, tested = json.loads(data)
        return Sites(
            {
                path: tuple(
                    (Reason(kind, points, text, line), end) for kind, points, text, line, end in items
                )
                for path, items in rows.items()
            },
            None if tested is None else frozenset(_texts(tested)),
        )
    except (ValueError, TypeError, AttributeError):
        return None


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]

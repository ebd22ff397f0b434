"""How many leaks the generated isolation tests find: one tenant filter, claim, key prefix, stamp or dependency is taken away at a time.

    python benchmarks/isolation_mutation.py [--project miniature|shop|DIR] [--policy NAME] [--limit N] [--json]

A mutant is killed when a test fails that passes on the project as it is. The tests of a mutant are those that run the
mutated function, as one traced run of the whole project tells; a mutant that no test runs survives. Measured are the files whose
query functions, routes and keys the tests are for, and those of tokens and dependencies; mutants elsewhere (handlers, services) are
only counted. A dropped dependency is equivalent where the route still asks for the tenant and does not use the parameter.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import math
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from merge_tool.bundled import bundled
from merge_tool.errors import UserError
from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.model import Options
from merge_tool.isolation.places import is_away
from merge_tool.isolation.trial import run_tests, tried, write_files
from merge_tool.lint.files import project_files
from merge_tool.model.policy import Policy
from merge_tool.plan.policy import load_policy

TARGET = "tests/integration/test_tenant_isolation.py"
TRACER = """
import json, os, sys, threading
import pytest

ROOT = os.getcwd() + os.sep
SEEN, NOW = {}, [""]

def note(frame, event, argument):
    if event == "call":
        code = frame.f_code
        if code.co_filename.startswith(ROOT):
            SEEN.setdefault(NOW[0], set()).add((code.co_filename[len(ROOT):], code.co_firstlineno))

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    NOW[0] = item.name
    threading.setprofile(note)
    sys.setprofile(note)
    yield
    sys.setprofile(None)
    threading.setprofile(None)

def pytest_sessionfinish():
    with open(os.environ["ISOLATION_TRACE"], "w") as stream:
        json.dump({name: sorted(found) for name, found in SEEN.items()}, stream)
"""


@dataclass(frozen=True)
class Mutant:
    """One change of one file. `function` is the line at which the innermost function begins, decorators included."""

    kind: str
    path: str
    line: int
    what: str
    text: str
    functions: tuple[int, ...]


class Mutator:
    """Finds what can be taken away in one file."""

    def __init__(self, path: str, source: str, policy: Policy) -> None:
        self.path = path
        self.source = source
        self.column = policy.column
        self.names = {policy.column, policy.parameter}
        self.claim = policy.claim
        dependencies = {name.rpartition(".")[2] for name in policy.routes.dependencies}
        self.dependencies = dependencies
        self.lines = source.encode().splitlines(keepends=True)
        self._signs = False  # whether the function that is walked signs tokens
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def mutants(self) -> Iterator[Mutant]:
        """Every mutant of the file, in order."""
        tree = ast.parse(self.source)
        yield from self._walk(tree, ())

    def _walk(self, node: ast.AST, functions: tuple[int, ...]) -> Iterator[Mutant]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            functions = (*functions, first)
            self._signs = any(
                isinstance(item, ast.Call)
                and isinstance(item.func, ast.Attribute)
                and item.func.attr == "encode"
                for item in ast.walk(node)
            )
            yield from self._defaults(node, functions)
        if isinstance(node, ast.Call):
            yield from self._call(node, functions)
        elif isinstance(node, ast.If | ast.IfExp) and self._checks(node.test):
            yield self._made("check", node.test, "False", functions)
        elif isinstance(node, ast.JoinedStr) and functions:
            for part in node.values:
                if (
                    isinstance(part, ast.FormattedValue)
                    and self._is_tenant(part.value)
                    and self._is_key(node)
                ):
                    yield self._key(node, part, functions)
        elif isinstance(node, ast.Dict) and self._signs:
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(key, ast.Constant)
                    and key.value == self.claim
                    and self._is_tenant(value)
                    and functions
                ):
                    yield self._made("claim", key, repr(f"no_{self.claim}"), functions)
        for child in ast.iter_child_nodes(node):
            yield from self._walk(child, functions)

    def _call(self, node: ast.Call, functions: tuple[int, ...]) -> Iterator[Mutant]:
        name = (
            node.func.attr
            if isinstance(node.func, ast.Attribute)
            else node.func.id
            if isinstance(node.func, ast.Name)
            else ""
        )
        if name in ("where", "filter", "and_", "having") and functions:
            for argument in node.args:
                if self._compares(argument):
                    yield self._removed("filter", argument, functions)
        for keyword in node.keywords:
            if keyword.arg in self.names and functions and name not in ("dict", "values"):
                kind = "filter" if name == "filter_by" else "stamp" if name[:1].isupper() else "argument"
                yield self._removed(kind, keyword, functions)
            if keyword.arg == "dependencies" and isinstance(keyword.value, ast.List):
                for item in keyword.value.elts:
                    if isinstance(item, ast.Call) and self._depends(item):
                        yield self._removed("dependency", item, functions)
        if name.endswith("key") and functions and len(node.args) > 1 and self._is_tenant(node.args[0]):
            yield self._removed("key", node.args[0], functions)

    def _defaults(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, functions: tuple[int, ...]
    ) -> Iterator[Mutant]:
        given = [*node.args.defaults, *(item for item in node.args.kw_defaults if item is not None)]
        for default in given:
            if isinstance(default, ast.Call) and self._depends(default):
                yield self._made("dependency", default, "None", functions)

    def _depends(self, node: ast.Call) -> bool:
        return bool(node.args) and isinstance(node.args[0], ast.Name) and node.args[0].id in self.dependencies

    def _compares(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq):
            return False
        return any(
            isinstance(side, ast.Attribute) and side.attr == self.column
            for side in (node.left, node.comparators[0])
        )

    def _checks(self, node: ast.expr) -> bool:
        """`if user.bot_id != bot_id`, alone or in an `or`."""
        if isinstance(node, ast.BoolOp):
            return any(self._checks(item) for item in node.values)
        return (
            isinstance(node, ast.Compare)
            and isinstance(node.ops[0], ast.NotEq)
            and any(self._is_tenant(side) for side in (node.left, *node.comparators))
        )

    def _is_tenant(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.names
        if isinstance(node, ast.Attribute):
            return node.attr in self.names
        if isinstance(node, ast.Call):
            return any(isinstance(item, ast.Constant) and item.value == self.claim for item in node.args)
        return False

    def _is_key(self, node: ast.JoinedStr) -> bool:
        texts = "".join(str(item.value) for item in node.values if isinstance(item, ast.Constant))
        return ":" in texts and " " not in texts and "/" not in texts

    def _span(self, node: ast.AST) -> tuple[int, int]:
        first = self.starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        return first, self.starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def _made(self, kind: str, node: ast.AST, new: str, functions: tuple[int, ...]) -> Mutant:
        first, last = self._span(node)
        data = self.source.encode()
        what = data[first:last].decode()
        text = (data[:first] + new.encode() + data[last:]).decode()
        return Mutant(kind, self.path, node.lineno, what, text, functions)  # type: ignore[attr-defined]

    def _removed(self, kind: str, node: ast.AST, functions: tuple[int, ...]) -> Mutant:
        """Takes an argument away, with the comma behind it, or else the one before."""
        first, last = self._span(node)
        data = self.source.encode()
        what = data[first:last].decode()
        end = last
        while data[end : end + 1].isspace():
            end += 1
        if data[end : end + 1] == b",":
            last = end + 1
        else:
            start = first
            while data[start - 1 : start].isspace():
                start -= 1
            if data[start - 1 : start] == b",":
                first = start - 1
        text = (data[:first] + data[last:]).decode()
        return Mutant(kind, self.path, node.lineno, what, text, functions)  # type: ignore[attr-defined]

    def _key(self, node: ast.JoinedStr, part: ast.FormattedValue, functions: tuple[int, ...]) -> Mutant:
        """Python before 3.12 tells no places inside an f-string, so the string is written anew."""
        kept = ast.unparse(ast.JoinedStr([item for item in node.values if item is not part]))
        return self._made("key", node, kept, functions)


def find_mutants(files: dict[str, bytes], policy: Policy) -> list[Mutant]:
    """Every mutant of a project that still parses and differs."""
    found = []
    for path, data in sorted(files.items()):
        if is_away(path):
            continue
        source = data.decode("utf-8")
        for mutant in Mutator(path, source, policy).mutants():
            try:
                ast.parse(mutant.text)
            except SyntaxError:
                continue
            if mutant.text != source:
                found.append(mutant)
    return found


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if total == 0:
        return 0.0, 1.0
    z, share = 1.96, hits / total
    middle, half = (
        share + z * z / (2 * total),
        z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)),
    )
    return (middle - half) / (1 + z * z / total), (middle + half) / (1 + z * z / total)


def measure(
    root: Path, policy: Policy, options: Options, limit: int, scratch: Path, seed: int = 7
) -> dict[str, object]:
    """Generates the tests, tries them, and runs them on each mutant.

    Returns:
        The shares by kind, and the survivors with the reason.
    """
    files = {name: (root / name).read_bytes() for name in project_files(root)}
    begun = time.monotonic()
    made = tried(files, policy, options, root)
    copy = scratch / "project"
    shutil.copytree(
        root, copy, ignore=shutil.ignore_patterns(".git", ".merge-tool", "__pycache__"), symlinks=True
    )
    write_files(copy, made.files)
    (scratch / "isolation_tracer.py").write_text(TRACER)
    import os

    os.environ["ISOLATION_TRACE"] = str(scratch / "trace.json")
    os.environ["PYTHONPATH"] = str(scratch)
    (copy / "isolation_tracer.py").write_text(TRACER)
    base = run_tests(copy, [options.path], arguments=("-p", "isolation_tracer"))
    trace: dict[str, list[list[object]]] = json.loads((scratch / "trace.json").read_text())
    passed = set(base.passed)
    tests_of: dict[tuple[str, int], list[str]] = {}
    for name, places in trace.items():
        for path, line in places:
            tests_of.setdefault((str(path), int(str(line))), []).append(name)
    index = ProjectIndex.build(files, policy)
    everywhere = find_mutants(files, policy)
    mutants = [item for item in everywhere if item.path in _scope(index, made.tested)]
    sites = len(mutants)
    if limit and len(mutants) > limit:
        mutants = sorted(random.Random(seed).sample(mutants, limit), key=lambda item: (item.path, item.line))
    killed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    survivors = []
    equivalent = 0
    for number, mutant in enumerate(mutants, 1):
        total[mutant.kind] += 1
        reason = _survives(copy, mutant, options.path, tests_of, passed, _requests(index, mutant))
        if reason and mutant.kind == "dependency" and _is_equivalent(files, policy, mutant):
            total[mutant.kind] -= 1
            equivalent += 1
            reason = "equivalent"
        elif reason:
            survivors.append(
                {
                    "kind": mutant.kind,
                    "site": f"{mutant.path}:{mutant.line}",
                    "taken": mutant.what,
                    "reason": reason,
                }
            )
        else:
            killed[mutant.kind] += 1
        said = f"survives: {reason}" if reason else "killed"
        sys.stderr.write(
            f"{number}/{len(mutants)} {mutant.path}:{mutant.line} {mutant.kind} {mutant.what!r} {said}\n"
        )
    kinds = {
        kind: {"killed": killed[kind], "mutants": total[kind], "share": round(killed[kind] / total[kind], 3)}
        for kind in sorted(total)
    }
    hits, count = sum(killed.values()), sum(total.values())
    reached = count - sum(str(item["reason"]).startswith("no test runs") for item in survivors)
    return {
        "tests": len(base.passed), "failing_before": len(base.failed), "left_out": len(made.not_tested),         "sites": sites,
        "sites_elsewhere": len(everywhere) - sites,
        "equivalent": equivalent,
        "mutants": count,
        "killed": hits, "share": round(hits / count, 3) if count else 0.0, "interval": [round(item, 3) for item in wilson(hits, count)],
        "share_of_reached": round(hits / reached, 3) if reached else 0.0, "kinds": kinds, "survivors": survivors,
        "seconds": round(time.monotonic() - begun, 1),
    }  # fmt: skip


def _scope(index: ProjectIndex, tested: Mapping[str, str]) -> set[str]:
    """The files that the tests are for."""
    found = {site.rpartition(":")[0] for site in tested.values()}
    for module in index.modules.values():
        for function in module.functions.values():
            signs = any(call.name in ("encode", "decode") and "jwt" in call.dotted for call in function.calls)
            if signs or f"{module.module}.{function.qualname}" in index.policy.routes.dependencies:
                found.add(module.path)
    return found


def _requests(index: ProjectIndex, mutant: Mutant) -> list[str]:
    """The tests that ask a mutated route without a tenant."""
    if not mutant.functions:
        return []
    near = [
        route
        for route in index.routes()
        if route.function_path == mutant.path and route.line >= mutant.functions[-1]
    ]
    if not near:
        return []
    line = min(route.line for route in near)
    paths = [
        (route.method, re.sub(r"\{[^}]*\}", "1", route.paths[0]) or "/")
        for route in near
        if route.line == line
    ]
    return [f"test_missing_tenant_context_is_401[{method}-{path}]" for method, path in paths]


def _is_equivalent(files: dict[str, bytes], policy: Policy, mutant: Mutant) -> bool:
    """Whether the routes of the file still ask for the tenant, and the parameter is used nowhere in its function."""
    tree = ast.parse(mutant.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            if mutant.functions and first == mutant.functions[-1]:
                used = {
                    item.id for part in node.body for item in ast.walk(part) if isinstance(item, ast.Name)
                }
                if used & {policy.parameter, policy.column}:
                    return False
    before = ProjectIndex.build(files, policy).routes_of(mutant.path)
    after = ProjectIndex.build({**files, mutant.path: mutant.text.encode()}, policy).routes_of(mutant.path)
    return [item.has_tenant for item in before] == [item.has_tenant for item in after]


def _survives(
    copy: Path,
    mutant: Mutant,
    target: str,
    tests_of: dict[tuple[str, int], list[str]],
    passed: set[str],
    requests: list[str],
) -> str:
    """Why a mutant survives; "" where it is killed."""
    asked = [name for name in requests if name in passed]
    names: list[str] = []
    for line in reversed(mutant.functions):
        names = [name for name in tests_of.get((mutant.path, line), []) if name in passed]
        if names:
            break
    if not names and not asked:
        failing = any(tests_of.get((mutant.path, line)) for line in mutant.functions)
        return "no test runs it that passes without the mutant" if failing else "no test runs it"
    # One function may be run by every request: its own tests come first, and some of the others are enough.
    names = sorted(names, key=lambda name: ("[" in name, len(name)))
    chosen = asked + names[:12] + [name for name in names if "mismatch" in name or "another" in name][:6]
    place = copy / mutant.path
    before = place.read_bytes()
    place.write_text(mutant.text, encoding="utf-8")
    try:
        nodes = list(dict.fromkeys(f"{target}::{name}" for name in chosen))
        run = run_tests(copy, nodes, arguments=("-x",), timeout=300)
    except UserError as error:
        return "" if "did not run" in str(error) else str(error)
    finally:
        place.write_bytes(before)
    return "" if run.failed or run.cannot else f"{len(nodes)} tests run it and pass"


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", default="shop", help="miniature, shop, or a folder")
    parser.add_argument("--policy", default="")
    parser.add_argument(
        "--limit", type=int, default=0, help="at most so many mutants, drawn with a fixed seed"
    )
    parser.add_argument("--routes", action="append", help="pattern of the files whose routes are tested")
    parser.add_argument(
        "--functions", action="append", help="pattern of the files whose query functions are tested"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isolation-mutation-") as folder:
        scratch = Path(folder)
        rows: dict[str, dict[str, object]] = {}
        if given.project == "miniature":
            from merge_tool.cli import run

            with redirect_stdout(io.StringIO()):
                run(["demo", str(scratch / "demo"), "--json"])
            root, name = scratch / "demo" / "fork" / ".merge-tool" / "worktree", "remnabot"
            rows = {"users": {"telegram_id": 1000}}
        elif given.project == "shop":
            root, name = bundled("fixtures") / "shop", "tenancy.yaml"
        else:
            root, name = Path(given.project).resolve(), "tenancy.yaml"
        policy = load_policy(given.policy or name, root=root)
        options = Options(
            TARGET,
            rows=rows,
            routes=tuple(given.routes) if given.routes else None,
            functions=tuple(given.functions) if given.functions else None,
        )
        result = measure(root, policy, options, given.limit, scratch)
    if given.json:
        print(json.dumps(result, indent=2))
        return 0
    print(
        f"{result['tests']} tests pass, {result['failing_before']} fail before any mutation, {result['left_out']} things are left out"
    )
    for kind, figures in result["kinds"].items():  # type: ignore[attr-defined]
        print(
            f"  {kind:<11} {figures['killed']:>4} of {figures['mutants']:>4} killed: {figures['share']:.1%}"
        )
    print(
        f"  all         {result['killed']:>4} of {result['mutants']:>4} killed: {result['share']:.1%}, 95 % interval {result['interval']}"
    )
    for item in result["survivors"]:  # type: ignore[attr-defined]
        print(f"survives: {item['site']} [{item['kind']}] {item['taken']!r}: {item['reason']}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

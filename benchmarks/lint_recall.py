"""Recall by mutation: takes the tenant away at one place after another and looks whether the linters see it.

    python benchmarks/lint_recall.py --repo DIR --policy FILE [--sample N --seed S] [--jobs 2] [--only PATH] [--json]

Every place where the project holds the tenant (see `mutations.py`) is cut out by itself, in memory. The facts of that
one file are read again, the rules run over the files that can be touched by it, and where they find nothing new, over
all. `killed`: a new error or warning. `told`: only a new `info`, which says that it cannot be decided. `survived`:
nothing. What is left out is counted with its reason: a finding stood there before, the same condition stands twice, a listener
of the session adds it too, an arm of an OR, the rule is not there, or a foreign key written out in the same statement ties the table
to one that another condition holds (with --json each is told with the line of that condition). Nothing of the project is imported or run.
"""

from __future__ import annotations

import argparse
import ast
import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mutations import Finder, Mutation
from wilson import told, wilson

from merge_tool.index.newer import written_for_older
from merge_tool.index.project import ProjectIndex, no_collection
from merge_tool.index.reader import read_module
from merge_tool.index.source import decode
from merge_tool.lint.files import project_files
from merge_tool.lint.loader import load_rules
from merge_tool.lint.run import checked
from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.plan.policy import load_policy
from merge_tool.rulekit import Rule, Unreadable

MAX_HOPS = 3
SURE = frozenset(("killed", "survived", "told"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one mutation; `rule` is what saw it, `where` its first finding."""

    mutation: Mutation
    result: str
    rule: str = ""
    where: str = ""


class Bench:
    """A project with its index and the findings that it has as it is."""

    def __init__(self, root: Path, policy: Policy) -> None:
        self.policy = policy
        self.texts = {}
        for path in project_files(root):
            try:
                self.texts[path] = parseable(decode((root / path).read_bytes()).replace("\r\n", "\n"))
            except (SyntaxError, UnicodeDecodeError):
                continue
        self.rules = [
            rule for rule in load_rules() if not rule.meta and rule.code[:2] in ("TQ", "TK", "TF", "TT")
        ]
        self.index = ProjectIndex.build(self.texts, policy)
        # A finding that only a test's call brings is none of `validate`, which leaves tests out.
        self.checked = frozenset(checked(sorted(self.index.modules), policy))
        self.before = {path: keys(findings(self.index, self.rules, [path])) for path in sorted(self.checked)}
        self.all_before = {key for found in self.before.values() for key in found}
        self.callers: dict[str, set[str]] = {}
        for path, module in self.index.modules.items():
            for function in module.functions.values():
                for call in function.calls:
                    self.callers.setdefault(call.name, set()).add(path)

    def mutations(self, only: str) -> list[Mutation]:
        """Every place in the files that the policy has checked."""
        found: list[Mutation] = []
        words = (self.policy.column, self.policy.parameter, self.policy.claim, "Depends")
        for path in checked(sorted(self.index.modules), self.policy):
            if path.startswith(only) and any(word in self.texts[path] for word in words):
                found.extend(Finder(self.index, path, self.texts[path]).find())
        return found

    def try_out(self, mutation: Mutation) -> Outcome:
        """Takes the place away and looks for what is new."""
        if mutation.excluded:
            return Outcome(mutation, "excluded: " + mutation.excluded.partition(" at line")[0])
        rules = [rule for rule in self.rules if rule.code.startswith(mutation.rule[:2])]
        if not any(rule.code.startswith(mutation.rule) for rule in rules):
            return Outcome(mutation, f"excluded: {mutation.rule} is not among the rules")
        text = mutation.apply(self.texts[mutation.path])
        try:
            ast.parse(text)
        except SyntaxError:
            return Outcome(mutation, "excluded: the cut does not parse")
        facts = read_module(mutation.path, text, self.policy.global_marker)
        if isinstance(facts, Unreadable):
            return Outcome(mutation, "excluded: the cut does not parse")
        index = ProjectIndex({**self.index.modules, mutation.path: facts}, (), self.policy)
        other = self._other_way(mutation, index) if mutation.kind == "dependency" else ""
        if other:
            return Outcome(mutation, f"excluded: the tenant dependency stands on the {other} too")
        new = self._new(index, rules, [path for path in self._near(mutation) if path in self.checked])
        if not new:
            new = self._new(index, rules, sorted(self.checked))
        sure = [item for item in new if item.severity is not Severity.INFO]
        if sure:
            return Outcome(mutation, "killed", sure[0].code, f"{sure[0].path}:{sure[0].span.line}")
        if new:
            return Outcome(
                mutation, "told", new[0].code, f"{new[0].path}:{new[0].span.line} {new[0].message}"
            )
        return self._unseen(mutation, index)

    def _other_way(self, mutation: Mutation, index: ProjectIndex) -> str:
        """Where else the dependency stands of the route that it was taken off as a parameter; "" where nowhere."""
        for route in index.routes_of(mutation.path):
            at = index.modules[mutation.path].functions.get(route.function)
            if (
                at is not None
                and at.name == mutation.name
                and mutation.function[0] <= at.header.line <= mutation.function[1]
            ):
                return (
                    route.by
                    if route.has_tenant
                    and route.by in ("decorator", "router", "include_router", "application", "class")
                    else ""
                )
        return ""

    def _unseen(self, mutation: Mutation, index: ProjectIndex) -> Outcome:
        for item in findings(self.index, self.rules, [mutation.path]):
            span = item.span
            if item.path == mutation.path and span.line <= mutation.last and mutation.first <= span.end_line:
                if item.severity is not Severity.INFO:
                    return Outcome(mutation, "excluded: reported as a leak without the cut too")
                return Outcome(mutation, "told", item.code, f"as before: {item.message}")
        return Outcome(mutation, "survived")

    def _near(self, mutation: Mutation) -> list[str]:
        """The file, and those that call by a name what it holds, some calls away."""
        near = {mutation.path}
        names = {mutation.name}
        for _ in range(MAX_HOPS):
            reached = {path for name in names for path in self.callers.get(name, ())}
            if len(reached) > 40:
                break
            near |= reached
            names = {
                function.name
                for path in reached
                for function in self.index.modules[path].functions.values()
                if any(call.name in names for call in function.calls)
            }
        return sorted(near)

    def _new(self, index: ProjectIndex, rules: Sequence[Rule], paths: Iterable[str]) -> list[Diagnostic]:
        found = findings(index, rules, paths)
        return [item for item in found if key_of(item) not in self.all_before]


def parseable(text: str) -> str:
    """The text, or where this Python cannot parse it, the older form that the linters read."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return written_for_older(text)
    return text


def key_of(item: Diagnostic) -> tuple[str, str, str, int, str]:
    """A finding without its columns, which a cut moves."""
    return item.code, str(item.severity), item.path, item.span.line, item.message


def keys(found: Iterable[Diagnostic]) -> set[tuple[str, str, str, int, str]]:
    """The findings' keys."""
    return {key_of(item) for item in found}


def findings(index: ProjectIndex, rules: Sequence[Rule], paths: Iterable[str]) -> list[Diagnostic]:
    """What the rules find, come to from these files."""
    with no_collection():
        return [
            item
            for path in paths
            for rule in rules
            for item in rule.check(index.modules[path], index, index.policy)
        ]


_BENCH: Bench | None = None


def _run(mutation: Mutation) -> Outcome:
    assert _BENCH is not None  # set before the workers are forked
    return _BENCH.try_out(mutation)


def measure(bench: Bench, chosen: Sequence[Mutation], jobs: int) -> list[Outcome]:
    """Tries the mutations, over several processes."""
    global _BENCH
    _BENCH = bench
    if jobs <= 1:
        return [_run(item) for item in chosen]
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        return list(pool.imap(_run, chosen, chunksize=4))


def shown(outcomes: Sequence[Outcome]) -> str:
    """The counts and the survivors, for people."""
    lines: list[str] = []
    for title, group in (
        ("kind", lambda item: item.mutation.kind),
        ("rule that saw it", lambda item: item.rule or "-"),
    ):
        lines.append(f"by {title}:")
        for name in sorted({group(item) for item in outcomes if item.result in SURE}):
            told_of = Counter(item.result for item in outcomes if item.result in SURE and group(item) == name)
            lines.append(
                f"  {name:<18} killed {told_of['killed']}, survived {told_of['survived']}, told as info {told_of['told']}"
            )
    counted = Counter(item.result for item in outcomes)
    lines.append("excluded:")
    lines.extend(f"  {count:4} {name[10:]}" for name, count in counted.most_common() if name not in SURE)
    for name in ("survived", "told"):
        lines.append(f"{name}:")
        for item in outcomes:
            if item.result == name:
                cut = item.mutation
                lines.append(f"  {cut.path}:{cut.line} in {cut.name}: {cut.kind} {cut.text} {item.where}")
    killed, gone, info = counted["killed"], counted["survived"], counted["told"]
    lines.append(f"recall (killed of killed and survived):        {told(killed, killed + gone)}")
    lines.append(f"recall (undecided counted as not found):       {told(killed, killed + gone + info)}")
    return "\n".join(lines)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", type=Path, required=True)
    parser.add_argument("--policy", required=True)
    parser.add_argument("--sample", type=int, default=0, help="how many places, drawn at random; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--only", default="", help="only places in files below this path")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    bench = Bench(options.repo, load_policy(options.policy, root=options.repo))
    every = bench.mutations(options.only)
    chosen = every
    if 0 < options.sample < len(every):
        chosen = sorted(
            random.Random(options.seed).sample(every, options.sample), key=lambda item: (item.path, item.line)
        )
    outcomes = measure(bench, chosen, options.jobs)
    counted = Counter(item.result for item in outcomes)
    sure = counted["killed"] + counted["survived"]
    if options.json:
        data = {
            "places": len(every),
            "tried": len(chosen),
            "counts": dict(counted),
            "recall": counted["killed"] / sure if sure else None,
            "interval_95": wilson(counted["killed"], sure),
            "outcomes": [
                asdict(replace(item, mutation=replace(item.mutation, edits=()))) for item in outcomes
            ],
        }
        print(json.dumps(data, indent=2))
        return
    print(f"{options.repo}: {len(every)} places, {len(chosen)} tried, {time.perf_counter() - began:.0f} s")
    print(shown(outcomes))


if __name__ == "__main__":
    sys.exit(main())

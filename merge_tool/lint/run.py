"""Runs the rules over texts in memory or files on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from merge_tool.errors import UserError
from merge_tool.index.project import ProjectIndex, no_collection
from merge_tool.lint.loader import load_rules
from merge_tool.lint.suppress import NO_REASON, UNREADABLE, UNUSED, suppress
from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit.rule import Rule

META = (UNUSED, NO_REASON, UNREADABLE)


@dataclass(frozen=True, slots=True)
class LintResult:
    """What a run came to.

    Attributes:
        findings: in order of place.
        files: how many files were reported on.
        seconds: wall time of the run.
        rules: the rules that ran, by code.
        notes: what a person should know of the run, such as a policy that fits nothing here.
    """

    findings: tuple[Diagnostic, ...]
    files: int
    seconds: float
    rules: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether there is an error or warning; what could only not be decided does not fail a run."""
        return any(item.severity is not Severity.INFO for item in self.findings)


def choose(rules: Sequence[Rule], select: Sequence[str] = (), ignore: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules that codes or beginnings of codes pick (`TQ1`, `TQ`, a rule's name).

    Raises:
        UserError: a word picks no rule.
    """
    for word in (*select, *ignore):
        if word not in META and word != "T0" and not any(_picks(word, rule) for rule in rules):
            near = ", ".join(rule.code for rule in rules)
            raise UserError(
                f"no rule is called {word!r}",
                hint=f"the rules are {near}, {', '.join(META)}; see `merge-tool rule --all`",
            )
    return tuple(
        rule
        for rule in rules
        if (not select or any(_picks(word, rule) for word in select))
        and not any(_picks(word, rule) for word in ignore)
    )


def _picks(word: str, rule: Rule) -> bool:
    return word == rule.name or (bool(word) and rule.code.startswith(word.upper()))


def _picked_meta(select: Sequence[str], ignore: Sequence[str]) -> frozenset[str]:
    """The meta codes to report. What cannot be read is always told, unless it is ignored by its code."""
    picked = {code for code in META if not select or any(code.startswith(word.upper()) for word in select)}
    picked.add(UNREADABLE)
    return frozenset(code for code in picked if not any(code.startswith(word.upper()) for word in ignore))


def lint_texts(
    texts: Mapping[str, bytes | str] | Mapping[str, bytes] | Mapping[str, str],
    policy: Policy,
    *,
    report_on: Collection[str] | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    rules: Sequence[Rule] | None = None,
    named: bool | None = None,
) -> LintResult:
    """Lints a project held in memory.

    Args:
        texts: all Python files of the project, by path; the index is built over all of them.
        policy: what a tenant is in it.
        report_on: the paths to report on; None: all that the policy's `checked_paths` and `unchecked_paths` leave.
        select: codes, beginnings of codes, or names of the rules to run; empty: all.
        ignore: the same, for rules to leave out.
        rules: the rules to choose from; None: the bundled ones.
        named: whether a person named `report_on`; None: where it is given. Where not, rules with `on_migrations` report
            on Alembic revisions too, which `unchecked_paths` leaves out of the other rules.

    Returns:
        the findings in the files of `report_on`, with their count and the seconds it took.

    Raises:
        UserError: a word of `select` or `ignore` names no rule.
    """
    start = time.perf_counter()
    available = tuple(rules) if rules is not None else load_rules()
    chosen = choose(available, select, ignore)
    wanted = set(texts if report_on is None else report_on) & set(texts)
    if report_on is None:
        wanted = set(checked(sorted(texts), policy))
    index = ProjectIndex.build(texts, policy)
    found: set[Diagnostic] = set()
    for item in index.unreadable:
        found.add(
            Diagnostic(
                UNREADABLE,
                Severity.ERROR,
                item.path,
                Span(item.line, item.column, item.line, item.column),
                f"not checked: {item.reason}",
            )
        )
    with no_collection():
        for rule in chosen:
            # A finding may lie in another file than the one it was come to from, so every file is asked.
            for path in sorted(index.modules):
                found.update(rule.check(index.modules[path], index, policy))
    widened = report_on is None if named is None else not named
    on_migrations = {rule.code for rule in chosen if rule.on_migrations} if widened else set()
    revisions = index.migrations().paths if on_migrations else frozenset()
    shown = [
        item
        for item in found
        if item.path in wanted or (item.code in on_migrations and item.path in revisions)
    ]
    left, about = suppress(
        sorted(shown, key=lambda item: item.sort_key),
        index.modules,
        {rule.code for rule in chosen},
        {*(rule.code for rule in available), *META},
        policy,
        sorted(wanted),
    )
    meta = _picked_meta(select, ignore)
    kept = [item for item in (*left, *about) if item.code not in META or item.code in meta]
    return LintResult(
        tuple(sorted(kept, key=lambda item: item.sort_key)),
        len(wanted),
        time.perf_counter() - start,
        tuple(rule.code for rule in chosen),
        tuple(_notes(index, chosen, policy)),
    )


def _notes(index: ProjectIndex, chosen: Sequence[Rule], policy: Policy) -> list[str]:
    """A clean run means little where the policy finds no table of a tenant: that is said."""
    models = index.models.by_name.values()
    queries = any(rule.code.startswith("TQ") for rule in chosen)
    if queries and models and not any(index.models.is_tenant(model) for model in models):
        return [
            f"none of the {len(models)} models has the tenant column {policy.column}: is {policy.name} the right policy?"
        ]
    return []


def checked(paths: Sequence[str], policy: Policy) -> list[str]:
    """Those of the paths that the policy has checked where nobody names any."""
    from merge_tool.plan.patterns import PathMatcher

    take = PathMatcher(policy.checked_paths) if policy.checked_paths else None
    leave = PathMatcher(policy.unchecked_paths)
    return [path for path in paths if (take is None or take.matches(path)) and not leave.matches(path)]


def lint_paths(
    root: Path,
    files: Sequence[str],
    policy: Policy,
    *,
    report_on: Collection[str] | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    rules: Sequence[Rule] | None = None,
    read: Callable[[Path], bytes] = Path.read_bytes,
) -> LintResult:
    """Lints files on disk.

    Args:
        root: the project's root.
        files: all its Python files, relative to `root` with forward slashes; see `merge_tool.lint.files`.
        policy, report_on, select, ignore, rules: as for `lint_texts`.
        read: reads one file; for tests and for other sources of bytes.

    Raises:
        UserError: there is no file to check, a file cannot be read, or a rule is not known.
    """
    start = time.perf_counter()
    texts: dict[str, bytes] = {}
    unread: list[Diagnostic] = []
    for path in files:
        try:
            texts[path] = read(root / path)
        except OSError as error:
            message = f"not checked: it cannot be read ({error.strerror or error})"
            unread.append(Diagnostic(UNREADABLE, Severity.ERROR, path, Span(1, 1, 1, 1), message))
    wanted = (
        set(report_on)
        if report_on is not None
        else set(checked(sorted({*texts, *(item.path for item in unread)}), policy))
    )
    if not wanted:
        raise UserError(
            f"no file to check under {root}",
            hint="name the paths to check, or look at checked_paths and unchecked_paths of the policy; files that git does not track are not checked",
        )
    result = lint_texts(
        texts,
        policy,
        report_on=wanted,
        select=select,
        ignore=ignore,
        rules=rules,
        named=report_on is not None,
    )
    own = [item for item in unread if item.path in wanted]
    findings = tuple(sorted((*result.findings, *own), key=lambda item: item.sort_key))
    return LintResult(
        findings, result.files + len(own), time.perf_counter() - start, result.rules, result.notes
    )

"""Runs the rules over texts in memory or files on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.errors import UserError
from merge_tool.lint.codes import in_order, picks
from merge_tool.lint.digests import facts_keys, result_key, rules_digest
from merge_tool.lint.results import finding_row, findings_bytes, read_findings, read_row
from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity, Span

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex
    from merge_tool.lint.cache import Cache
    from merge_tool.lint.progress import Progress
    from merge_tool.rulekit.facts import Marker, Unreadable
    from merge_tool.rulekit.rule import Rule

UNUSED, NO_REASON, UNREADABLE = "T01", "T02", "T04"
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
        models: how many models the project has, and `tenant_models` how many of them belong to a tenant by the policy.
        suppressed: what comments took out, each with the reason given there.
    """

    findings: tuple[Diagnostic, ...]
    files: int
    seconds: float
    rules: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    models: int = 0
    tenant_models: int = 0
    suppressed: tuple[tuple[Diagnostic, str], ...] = ()

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
            near = ", ".join(sorted({*(rule.code for rule in rules), *META}, key=in_order))
            raise UserError(
                f"no rule is called {word!r}",
                hint=f"the rules are {near}; see `merge-tool rule --all`",
            )
    return tuple(
        rule
        for rule in rules
        if (not select or any(_picks(word, rule) for word in select))
        and not any(_picks(word, rule) for word in ignore)
    )


def _picks(word: str, rule: Rule) -> bool:
    return word == rule.name or picks(word, rule.code)


def _picked_meta(available: Sequence[Rule], select: Sequence[str], ignore: Sequence[str]) -> frozenset[str]:
    """The meta codes to report. What cannot be read is always told, unless it is ignored by its code or name."""
    names = {rule.name: rule.code for rule in available}
    select, ignore = ([names.get(word, word) for word in words] for words in (select, ignore))
    picked = {code for code in META if not select or any(picks(word, code) for word in select)}
    picked.add(UNREADABLE)
    return frozenset(code for code in picked if not any(picks(word, code) for word in ignore))


def lint_texts(
    texts: Mapping[str, bytes | str] | Mapping[str, bytes] | Mapping[str, str],
    policy: Policy,
    *,
    report_on: Collection[str] | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    rules: Sequence[Rule] | None = None,
) -> LintResult:
    """Lints a project held in memory.

    Args:
        texts: all Python files of the project, by path; the index is built over all of them.
        policy: what a tenant is in it.
        report_on: the paths to report on; None: all that the policy's `checked_paths` and `unchecked_paths` leave, and
            of rules with `on_migrations` the Alembic revisions too.
        select: codes, beginnings of codes, or names of the rules to run; empty: all.
        ignore: the same, for rules to leave out.
        rules: the rules to choose from; None: the bundled ones.

    Returns:
        the findings in the files of `report_on`, with their count and the seconds it took.

    Raises:
        UserError: a word of `select` or `ignore` names no rule.
    """
    from merge_tool.index.project import ProjectIndex
    from merge_tool.lint.loader import load_rules

    start = time.perf_counter()
    available = tuple(rules) if rules is not None else load_rules()
    chosen = choose(available, select, ignore)
    wanted = set(texts if report_on is None else report_on) & set(texts)
    if report_on is None:
        wanted = set(checked(sorted(texts), policy))
    index = ProjectIndex.build(texts, policy)
    meta = _picked_meta(available, select, ignore)
    return _judged(index, available, chosen, wanted, meta, start, wide=report_on is None)


def _judged(
    index: ProjectIndex,
    available: Sequence[Rule],
    chosen: Sequence[Rule],
    wanted: Collection[str],
    meta: Collection[str],
    start: float,
    groups: Sequence[Sequence[str]] = (),
    jobs: int = 1,
    *,
    wide: bool,
) -> LintResult:
    """Runs the chosen rules over an index; `groups` are its files as they are shared out to `jobs` processes.

    `wide`: nobody named the files, so that rules with `on_migrations` report on revisions beside `wanted`.
    """
    from merge_tool.lint.checking import check

    done = check(index, chosen, groups or [sorted(index.modules)], jobs, noted=False)
    markers = {path: module.markers for path, module in index.modules.items() if module.markers}
    return _told(index, available, chosen, done.found, markers, wanted, meta, start, wide=wide)


def _told(
    index: ProjectIndex,
    available: Sequence[Rule],
    chosen: Sequence[Rule],
    by_file: Mapping[str, Iterable[Diagnostic]],
    markers: Mapping[str, Sequence[Marker]],
    wanted: Collection[str],
    meta: Collection[str],
    start: float,
    *,
    wide: bool,
) -> LintResult:
    """Takes from what was found what is to be told: suppressions, choices of files and of meta rules applied."""
    policy = index.policy
    found = {item for items in by_file.values() for item in items}
    found |= {unreadable(item) for item in index.unreadable}
    kept, suppressed = settle(
        reported(found, index, chosen, wanted, wide=wide),
        markers,
        {rule.code for rule in chosen},
        {*(rule.code for rule in available), *META},
        policy,
        sorted(wanted),
        meta,
    )
    return LintResult(
        kept,
        len(wanted),
        time.perf_counter() - start,
        tuple(rule.code for rule in chosen),
        tuple(_notes(index, chosen, policy)),
        len(index.models.by_name),
        sum(index.models.is_tenant(model) for model in index.models.by_name.values()),
        suppressed,
    )


def unreadable(item: Unreadable) -> Diagnostic:
    """The finding on a file that cannot be read as Python."""
    span = Span(item.line, item.column, item.line, item.column)
    return Diagnostic(UNREADABLE, Severity.ERROR, item.path, span, f"not checked: {item.reason}")


def not_read(path: str, error: OSError) -> Diagnostic:
    """The finding on a file whose bytes cannot be had."""
    message = f"not checked: it cannot be read ({error.strerror or error})"
    return Diagnostic(UNREADABLE, Severity.ERROR, path, Span(1, 1, 1, 1), message)


def reported(
    found: Iterable[Diagnostic],
    index: ProjectIndex,
    chosen: Sequence[Rule],
    wanted: Collection[str],
    *,
    wide: bool,
) -> list[Diagnostic]:
    """Those findings that lie where a run reports: in `wanted`, and where it is `wide` in revisions too (see `_judged`)."""
    on_migrations = {rule.code for rule in chosen if rule.on_migrations} if wide else set()
    revisions = index.migrations().paths if on_migrations else frozenset()
    return [
        item
        for item in found
        if item.path in wanted or (item.code in on_migrations and item.path in revisions)
    ]


def settle(
    shown: Iterable[Diagnostic],
    markers: Mapping[str, Sequence[Marker]],
    ran: Collection[str],
    known: Collection[str],
    policy: Policy,
    report_on: Sequence[str],
    meta: Collection[str],
) -> tuple[tuple[Diagnostic, ...], tuple[tuple[Diagnostic, str], ...]]:
    """What is left of the rules' findings after suppressions, with the findings on these; and what they took out.

    Args:
        shown: the findings where the run reports; markers, ran, known, policy, report_on: as for `suppress`.
        meta: the codes of the machinery's own findings that are told.
    """
    from merge_tool.lint.suppress import suppress

    ordered = sorted(shown, key=lambda item: item.sort_key)
    left, about, taken = suppress(ordered, markers, ran, known, policy, report_on)
    kept = [item for item in (*left, *about) if item.code not in META or item.code in meta]
    return tuple(sorted(kept, key=lambda item: item.sort_key)), tuple(taken)


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
    rule_folders: Sequence[Path] = (),
    cache: Cache | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> LintResult:
    """Lints files on disk.

    Args:
        root: the project's root.
        files: all its Python files, relative to `root` with forward slashes; see `merge_tool.lint.files`.
        policy, report_on, select, ignore, rules: as for `lint_texts`.
        read: reads one file; for tests and for other sources of bytes.
        rule_folders: a user's folders of rules, loaded beside the bundled ones where `rules` is None.
        cache: where facts and findings are looked for and kept; findings only where `rules` is None.
        jobs: how many processes may work; the findings are the same for any number.
        progress: is told how far the run is.

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
            unread.append(not_read(path, error))
    keys = facts_keys(texts, policy)
    whole = b""
    if cache is not None and rules is None and not unread:
        whole = result_key(keys, policy, report_on, select, ignore, rules_digest(rule_folders))
        known = _known(cache, whole, start)
        if known is not None:
            return known
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
    # Imported no sooner: a run in which nothing is different needs none of it, and starting up is most of its time.
    from merge_tool.lint.loader import load_rules

    available = tuple(rules) if rules is not None else load_rules(rule_folders)
    chosen = choose(available, select, ignore)
    meta = _picked_meta(available, select, ignore)
    tell = partial(
        _told,
        available=available,
        chosen=chosen,
        wanted=wanted & set(texts),
        meta=meta,
        start=start,
        wide=report_on is None,
    )
    state_key = (
        result_key(
            dict.fromkeys(keys, b""), policy, None, select, ignore, b"state" + rules_digest(rule_folders)
        )
        if whole
        else b""
    )
    from merge_tool.lint.rounds import after_change, anew

    result = (
        after_change(cache, state_key, texts, keys, policy, chosen, tell)
        if cache is not None and whole
        else None
    )
    if result is None:
        result = anew(cache, state_key, texts, keys, policy, chosen, jobs, tell, progress)
    if cache is not None and whole:
        more = {
            "files": result.files, "rules": result.rules, "notes": result.notes,
            "models": result.models, "tenant_models": result.tenant_models,
            "suppressed": [(finding_row(item), why) for item, why in result.suppressed],
        }  # fmt: skip
        cache.put([(whole, findings_bytes(result.findings, **more))])
    own = [item for item in unread if item.path in wanted]
    findings = tuple(sorted((*result.findings, *own), key=lambda item: item.sort_key))
    return replace(
        result, findings=findings, files=result.files + len(own), seconds=time.perf_counter() - start
    )


def _known(cache: Cache, key: bytes, start: float) -> LintResult | None:
    """The result of a run in which nothing was different, or None."""
    data = cache.get([key]).get(key)
    read = read_findings(data) if data is not None else None
    if read is None:
        return None
    findings, more = read
    try:
        return LintResult(
            findings,
            int(more["files"]),
            time.perf_counter() - start,
            tuple(more["rules"]),
            tuple(more["notes"]),
            int(more["models"]),
            int(more["tenant_models"]),
            tuple((read_row(row), str(why)) for row, why in more["suppressed"]),
        )
    except (KeyError, TypeError, ValueError):
        return None

"""One run of `validate`: what it reads, and what stands after `--since` and `--baseline`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.commands.validate_output import Format, note

if TYPE_CHECKING:
    from merge_tool.commands.policy_choice import Chosen
    from merge_tool.lint.cache import Cache
    from merge_tool.lint.progress import Progress
    from merge_tool.lint.run import LintResult
    from merge_tool.lint.since import Base
    from merge_tool.model.policy import Policy
    from merge_tool.model.source import Diagnostic


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; the fields are its options."""

    root: Path
    plan: Path | None
    policy: str
    kind: Format
    quiet: bool
    paths: tuple[Path, ...]
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    folders: tuple[Path, ...]
    since: str
    baseline: Path | None
    update_baseline: bool
    jobs: int
    cache_dir: Path | None
    no_cache: bool
    new_files: bool = False  # take files that git does not track yet, too

    def note(self, text: str) -> None:
        """A note for people, unless they asked for quiet."""
        if not self.quiet:
            note(text, self.kind)


@dataclass(frozen=True)
class Seen:
    """What a run read: the policy, the files, those reported on (None: what the policy has checked), and the base of --since."""

    policy: Policy
    choice: Chosen
    files: tuple[str, ...]
    report_on: frozenset[str] | None
    base: Base | None


@dataclass(frozen=True)
class Found:
    """What a run came to: the findings that stand, and the entries of the baseline that are gone."""

    seen: Seen
    result: LintResult
    findings: tuple[Diagnostic, ...]
    gone: tuple[str, ...] = ()


def read(asked: Asked) -> Seen:
    """Chooses the policy and the files.

    Raises:
        UserError, PlanError: a path, a reference or the policy does not fit.
    """
    from merge_tool.commands.policy_choice import choose_policy
    from merge_tool.lint.files import chosen_files, new_files, project_files

    choice = choose_policy(asked.root, asked.policy, asked.plan)
    files = project_files(asked.root)
    if asked.new_files and (fresh := new_files(asked.root, files)):
        files = sorted({*files, *fresh})
        asked.note(f"{len(fresh)} new file{'s' * (len(fresh) != 1)} that git does not track yet taken too")
    chosen = set(chosen_files(asked.root, files, asked.paths, Path.cwd())) if asked.paths else None
    base = None
    if asked.since:
        from merge_tool.lint.since import read_base

        base = read_base(asked.root, asked.since)
        changed = {path for path in base.changed if path.endswith(".py") and (asked.root / path).is_file()}
        files = sorted({*files, *changed})
    asked.note(f"policy: {choice.policy.name} ({choice.origin})")
    everything = tuple(sorted({*files, *(chosen or ())}))
    return Seen(choice.policy, choice, everything, None if chosen is None else frozenset(chosen), base)


@contextmanager
def opened_cache(asked: Asked) -> Iterator[Cache | None]:
    """The cache that the command line names, closed whatever comes."""
    if asked.no_cache:
        yield None
        return
    from merge_tool.lint.cache import Cache, default_folder

    cache = Cache(asked.cache_dir if asked.cache_dir is not None else default_folder())
    try:
        yield cache
    finally:
        cache.close()
        if cache.note:
            asked.note(cache.note)


def lint(
    asked: Asked,
    seen: Seen,
    cache: Cache | None,
    texts: Mapping[str, bytes] | None = None,
    progress: Progress | None = None,
) -> LintResult:
    """Runs the rules; on `texts`, by path, where they are given, else on the files."""
    from merge_tool.lint.run import lint_paths
    from merge_tool.lint.workers import default_jobs

    root = asked.root
    held = {root / path: text for path, text in texts.items()} if texts is not None else None
    return lint_paths(
        root,
        seen.files if texts is None else sorted(texts),
        seen.policy,
        report_on=seen.report_on,
        select=asked.select,
        ignore=asked.ignore,
        rule_folders=asked.folders,
        cache=cache,
        jobs=asked.jobs or default_jobs(),
        read=Path.read_bytes if held is None else held.__getitem__,
        progress=progress,
    )


def look(asked: Asked, seen: Seen, cache: Cache | None, result: LintResult | None = None) -> Found:
    """Runs the rules, and leaves what `--since` or the baseline says is old out.

    Args:
        result: of a run that was made already, such as one merged from shards.
    """
    from merge_tool.errors import UserError
    from merge_tool.lint.run import LintResult

    base = seen.base
    if result is None and base is not None and not base.changed:
        asked.note(f"nothing changed since {asked.since}")
        result = LintResult((), 0, 0.0, ())
    if result is None:
        with shown_progress(asked) as progress:
            result = lint(asked, seen, cache, progress=progress)
    if not seen.choice.known and result.models and not result.tenant_models:
        from merge_tool.commands.policy_choice import NAME_ONE

        raise UserError(
            f"no policy was named, and none of the {result.models} models here has the column {seen.policy.column} of the generic one",
            hint=NAME_ONE,
        )
    findings = result.findings
    if base is not None and findings:
        from merge_tool.lint.since import before, new_findings

        old = before(
            base, seen.policy, seen.report_on, select=asked.select, ignore=asked.ignore, rule_folders=asked.folders, cache=cache
        )  # fmt: skip
        findings = tuple(new_findings(old, findings, base.renamed))
        told_old = len(result.findings) - len(findings)
        asked.note(
            f"brought in since {asked.since} ({base.commit[:12]}): {len(findings)}; {told_old} were there before"
        )
    for text in result.notes:
        asked.note(text)
    if asked.baseline is None:
        return Found(seen, result, findings)
    return _compared(asked, seen, result, findings, asked.baseline)


def _compared(
    asked: Asked, seen: Seen, result: LintResult, findings: Sequence[Diagnostic], baseline: Path
) -> Found:
    from merge_tool.lint.baseline import Reach, compare, read_baseline, write_baseline
    from merge_tool.lint.run import META

    reach = Reach(frozenset((*result.rules, *META)), seen.report_on)
    if asked.update_baseline:
        count = write_baseline(baseline, findings, reach)
        asked.note(f"{count} distinct finding{'s' * (count != 1)} in {baseline} now")
        return Found(seen, result, ())
    compared = compare(findings, read_baseline(baseline), reach)
    asked.note(f"{compared.known} finding{'s' * (compared.known != 1)} in the baseline")
    return Found(seen, result, compared.new, compared.gone)


@contextmanager
def shown_progress(asked: Asked) -> Iterator[Progress | None]:
    """A bar on standard error where a person waits there; None in CI, with --quiet, and where a program reads."""
    import os
    import sys

    if asked.quiet or asked.kind is not Format.RICH or not sys.stderr.isatty() or os.environ.get("CI"):
        yield None
        return
    from merge_tool.report.lint_progress import LintBar

    bar = LintBar()
    try:
        yield bar
    finally:
        bar.close()

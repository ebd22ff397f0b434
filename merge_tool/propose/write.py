"""A proposed plan as YAML that people go on writing: every story with its files, its risk and why it stands there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from merge_tool.model.text import counted
from merge_tool.propose.again import Again, Repeated
from merge_tool.propose.layers import TITLES, Layer
from merge_tool.propose.stories import Part, Proposal
from merge_tool.propose.upstream import Changes, Sides

_LINTED = (Layer.MODELS, Layer.DATA, Layer.SERVICES, Layer.HANDLERS, Layer.ROUTES)
_FILTERED = (Layer.DATA, Layer.SERVICES, Layer.HANDLERS, Layer.ROUTES)


@dataclass(frozen=True, slots=True)
class Tenancy:
    """What the plan may ask of the policy.

    Attributes:
        policy: the policy's name or file, as the plan names it.
        multi: whether the fork has tenants as far as its code shows.
        dependencies: whether the policy knows the dependency by which routes get their tenant.
        keys: whether the policy knows a builder of keys.
    """

    policy: str
    multi: bool
    dependencies: bool = False
    keys: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What a plan takes over from the one before it.

    Attributes:
        commits: excluded commits with their reasons.
        paths: excluded patterns with their reasons.
        subject: the form of commit subjects.
    """

    commits: Sequence[tuple[str, str]] = ()
    paths: Sequence[tuple[str, str]] = ()
    subject: str = ""


def pattern_of(path: str) -> str:
    """A pattern that means the file at `path`. A pattern means the path that is spelled like it, brackets and all.

    A character that no pattern can hold (a backslash, a control character, a `!` at the start) is written as `?`.
    """
    text = "".join(char if char.isprintable() and char != "\\" else "?" for char in path)
    return f"?{text[1:]}" if text.startswith("!") else text


def to_yaml(
    title: str,
    sides: Sides,
    changes: Changes,
    proposal: Proposal,
    tenancy: Tenancy,
    *,
    tests: Sequence[str] = (),
    kept: Kept | None = None,
    again: Again | None = None,
) -> str:
    """The text of the plan; `merge_tool.plan.load.load_plan` reads it.

    Args:
        proposal: the stories of the files that no plan before took.
        tests: the folders of the fork's tests, run at the end; none: no such story.
        kept: what a plan before this one excluded.
        again: the stories of a plan before this one that are done again; they come after those of `proposal`.
    """
    lines = _head(title, sides, changes, tenancy, kept or Kept())
    lines += _exclusions(changes, kept or Kept())
    lines += ["phases:", *_setup(sides)]
    number, last = 0, "0.1"
    for layer, parts in proposal.layers:
        number += 1
        lines += ["", f"  - number: {number}", f"    title: {_text(TITLES[layer])}", "    stories:"]
        previous = last
        for position, part in enumerate(parts, 1):
            last = f"{number}.{position}"
            lines += _story(last, part, previous, tenancy)
            previous = last
    for name, repeated in again.phases if again is not None else ():
        number += 1
        lines += ["", f"  - number: {number}", f"    title: {_text(name)}", "    stories:"]
        for position, item in enumerate(repeated, 1):
            previous, last = last, f"{number}.{position}"
            lines += _repeated(last, item, previous)
    lines += _end(number + 1, last, tests)
    return "\n".join(lines) + "\n"


def _head(title: str, sides: Sides, changes: Changes, tenancy: Tenancy, kept: Kept) -> list[str]:
    count, both = len(changes.upstream), len(changes.both())
    lines = [
        f"# A first plan, proposed by merge-tool: {count} files that {_bare(sides.remote)}/{_bare(sides.branch)} changed since {sides.base[:12]},",
        f"# {both} of them changed by the fork too. Layers come in the order in which they import one another, folders within a layer likewise.",
        "# Estimates: 3 minutes to read a file, 24 more where both sides changed it. Read it, change it, then: merge-tool plan --coverage",
        "version: 1",
        f"title: {_text(title)}",
        f"policy: {_text(tenancy.policy)}",
        "",
        "upstream:",
        f"  remote: {_text(sides.remote)}",
        f"  branch: {_text(sides.branch)}",
        "  # The files below are those of this commit. What comes after it is the next sync's: merge-tool sync",
        f"  commit: {_text(sides.upstream)}",
        "",
        "git:",
        '  merge_branch: "merge/upstream-{date}"',
        '  backup_branch: "backup-before-upstream-merge-{date}"',
    ]
    if kept.subject:
        lines.append(f"  commit_subject: {_text(kept.subject)}")
    return [*lines, ""]


def _exclusions(changes: Changes, kept: Kept) -> list[str]:
    known = {pattern for pattern, _ in kept.paths}
    dropped = [pattern_of(path) for path in sorted(changes.dropped)]
    paths = [*kept.paths, *((item, "the fork removed it") for item in dropped if item not in known)]
    lines = [
        "# What never comes in: files by pattern, upstream's commits by hash, each with its reason.",
        "exclusions:" if kept.commits or paths else "# exclusions:",
    ]
    if kept.commits:
        lines.append("  commits:")
        for commit, reason in kept.commits:
            lines += [f"    - commit: {_text(commit)}", f"      reason: {_text(reason)}"]
    if paths:
        lines.append("  paths:")
        lines += [f"    - {{pattern: {_text(item)}, reason: {_text(reason)}}}" for item, reason in paths]
    if not (kept.commits or paths):
        lines += ["#   paths:", '#     - {pattern: "**/*name*", reason: "why"}']
    return [*lines, ""]


def _setup(sides: Sides) -> list[str]:
    return [
        "  - number: 0",
        '    title: "Setup"',
        "    stories:",
        '      - id: "0.1"',
        '        title: "Backup and branch"',
        '        task: "Keep the fork as it is on a branch, and fetch upstream"',
        "        estimate_hours: 0.5",
        "        risk: low",
        "        actions:",
        '          - backup: {branch: "backup-before-upstream-merge-{date}"}',
        '          - branch: {name: "merge/upstream-{date}", start: fork}',
        f"          - fetch: {{remote: {_text(sides.remote)}, branch: {_text(sides.branch)}}}",
    ]


_INDENT = "        "


def _start(number: str, part: Part | Repeated, after: str) -> list[str]:
    """A story up to its first action, which merges its files."""
    files = counted(len(part.files), "file")
    both = f"{len(part.both)} changed by both" if part.both else "none of them changed by the fork"
    lines = [
        f'      - id: "{number}"',
        f"        title: {_text(part.title)}",
        f"        task: {_text(f'Merge {files}, {both}')}",
        f'        depends_on: ["{after}"]',
        f"        estimate_hours: {part.hours:g}",
        f"        risk: {part.risk}",
    ]
    if part.count > 1:
        lines += [f"{_INDENT}batches:", f"{_INDENT}  count: {part.count}", f"{_INDENT}  patterns:"]
        lines += _files(part.files, f"{_INDENT}    ")
    else:
        lines += [f"{_INDENT}files:", *_files(part.files, f"{_INDENT}  ")]
    return [*lines, f"{_INDENT}actions:", f"{_INDENT}  - merge: {{}}"]


def _repeated(number: str, item: Repeated, after: str) -> list[str]:
    lines = _start(number, item, after)
    lines += [f"{_INDENT}  - {action}" for action in item.actions]
    if item.criteria:
        lines.append(f"{_INDENT}criteria:")
        lines += [f"{_INDENT}  - {text.replace('{id}', number, 1)}" for text in item.criteria]
    return lines


def _story(number: str, part: Part, after: str, tenancy: Tenancy) -> list[str]:
    lines = _start(number, part, after)
    indent = _INDENT
    if tenancy.multi and part.python and part.layer in _FILTERED:
        lines.append(f"{indent}  - codemod: {{name: filter-query}}")
        if tenancy.keys:
            lines.append(f"{indent}  - codemod: {{name: prefix-keys}}")
    if tenancy.multi and part.python and part.layer in _LINTED:
        lines.append(f"{indent}  - validate: {{fail_on: new}}")
    return lines


def _files(files: Iterable[str], indent: str) -> list[str]:
    return [f"{indent}- {_text(pattern_of(path))}" for path in files]


def _end(number: int, after: str, tests: Sequence[str]) -> list[str]:
    lines = [
        "",
        f"  - number: {number}",
        '    title: "Verification"',
        "    stories:",
        f'      - id: "{number}.1"',
        '        title: "Code quality"',
        '        task: "Every Python file parses; no undefined names in what the merge changed"',
        f'        depends_on: ["{after}"]',
        "        estimate_hours: 1",
        "        risk: low",
        "        actions:",
        '          - quality: {paths: ["*.py"]}',
    ]
    last = f"{number}.1"
    if tests:
        last = f"{number}.2"
        nodes = ", ".join(_text(item) for item in tests)
        lines += [
            f'      - id: "{last}"',
            '        title: "Tests"',
            '        task: "The fork\'s own tests pass on the merged branch"',
            f'        depends_on: ["{number}.1"]',
            "        estimate_hours: 2",
            "        risk: medium",
            '        notes: "Runs the fork\'s code: name an interpreter that has its requirements with --python."',
            "        actions:",
            f"          - test: {{nodes: [{nodes}]}}",
        ]
    final = f"{number}.{int(last.rpartition('.')[2]) + 1}"
    return [
        *lines,
        f'      - id: "{final}"',
        '        title: "Review"',
        '        task: "A person reads the report before the branch is merged"',
        f'        depends_on: ["{last}"]',
        "        estimate_hours: 2",
        "        risk: high",
        "        actions:",
        "          - gate:",
        '              name: "review"',
        "              checklist:",
        '                - "the report\'s open points are settled: merge-tool report"',
        '                - "nothing of the exclusions came in"',
    ]


def _text(text: str) -> str:
    """A YAML string in double quotes."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _bare(text: str) -> str:
    """Text that cannot leave its comment."""
    return "".join(char if char.isprintable() else "?" for char in text)

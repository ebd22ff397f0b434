"""Runs rules over the files of an index, on several cores where that pays, and keeps what each file was the reason for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from merge_tool.index.project import ProjectIndex, no_collection
from merge_tool.lint.again import answers_of, segment
from merge_tool.lint.facts_bytes import plain_bytes, plain_value
from merge_tool.lint.progress import Progress
from merge_tool.lint.results import findings_bytes, read_findings
from merge_tool.lint.workers import share
from merge_tool.model.source import Diagnostic
from merge_tool.rulekit.rule import Rule

_ON_STATEMENTS = ("TQ", "TF")  # queries and routes


@dataclass
class Checked:
    """What rules came to.

    Attributes:
        found: by the file from which they came to it; the findings may lie in others.
        segments: what each process looked at, where that was asked for.
        frames: how many frames this process had then.
        answers: their answers on parts of the project, and `large` those on the whole of it.
        whole: whether all of them told.
    """

    found: dict[str, tuple[Diagnostic, ...]] = field(default_factory=dict)
    segments: list[bytes] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    whole: bool = True
    frames: int = 0


def check(
    index: ProjectIndex,
    chosen: Sequence[Rule],
    groups: Sequence[Sequence[str]],
    jobs: int,
    *,
    noted: bool,
    progress: Progress | None = None,
) -> Checked:
    """Runs the rules over groups of files, each group in one process of up to `jobs`.

    Args:
        noted: whether what the answers depend on is wanted.
        progress: is told how many files are checked; with several processes, by this one.
    """
    done = Checked()
    count = 0
    files = sum(len(group) for group in groups)
    if progress is not None:
        progress.phase("checking", files)
    before = set(index.answers.have)
    kinds = _kinds(chosen) if jobs > 1 and len(groups) > 1 else [chosen]
    tasks = [(kind, group) for kind in kinds for group in groups]
    lanes = [range(start, start + len(groups)) for start in range(0, len(tasks), max(len(groups), 1))]

    def here(task: int) -> None:
        nonlocal count
        kind, group = tasks[task]
        for path in group:
            if found := found_from(index, kind, path):
                done.found[path] = (*done.found.get(path, ()), *found)
            count = min(count + 1, files)
            if progress is not None:
                progress.step(count)

    def there(task: int) -> bytes:
        kind, group = tasks[task]
        rows = {path: findings_bytes(found_from(index, kind, path)) for path in group}
        return plain_bytes(rows)

    def leave() -> bytes:
        answers, large = answers_of(index)
        fresh = {name: value for name, value in answers.items() if name not in before}
        return plain_bytes((segment(index.tracker), fresh, large))

    def left(data: bytes) -> None:
        told = plain_value(data)
        if not isinstance(told, tuple):
            done.whole = False
            return
        done.segments.append(told[0])
        done.answers.update(told[1])
        done.large.update(told[2])

    def meanwhile() -> None:
        index.migrations()  # whoever tells of the findings asks for it; so its frame is in the segment
        done.segments.append(segment(index.tracker))
        done.frames = index.tracker.number

    with no_collection():
        back = share(
            len(tasks),
            jobs,
            there,
            here,
            leave if noted else None,
            left,
            meanwhile if noted else None,
            lanes,
        )
        for task, data in back.items():
            rows = plain_value(data)
            if not isinstance(rows, dict) or not _take(rows, done):
                done.whole = False
                here(task)
    return done


def _kinds(chosen: Sequence[Rule]) -> list[Sequence[Rule]]:
    """The rules by what they ask the index for: what statements come to, or all else. Each process asks mostly for one."""
    asking = [rule for rule in chosen if rule.code.startswith(_ON_STATEMENTS)]
    others = [rule for rule in chosen if not rule.code.startswith(_ON_STATEMENTS)]
    return [kind for kind in (others, asking) if kind]


def _take(rows: dict[str, bytes], done: Checked) -> bool:
    for path, data in rows.items():
        told = read_findings(data)
        if told is None:
            return False
        if told[0]:
            done.found[path] = (*done.found.get(path, ()), *told[0])
    return True


def found_from(index: ProjectIndex, chosen: Iterable[Rule], path: str) -> tuple[Diagnostic, ...]:
    """What the rules find from one file. A finding may lie in another file than the one it was come to from."""
    found: dict[Diagnostic, None] = {}
    with index.tracker.frame(f"file:{path}"):
        module = index.modules[path]
        for rule in chosen:
            found.update(dict.fromkeys(map(index.graded, rule.check(module, index, index.policy))))
    return tuple(found)

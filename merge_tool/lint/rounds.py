"""A run over a project on disk: all of it, or what a change since the last run can reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from merge_tool.index.project import ProjectIndex, no_collection
from merge_tool.index.track import Tracker
from merge_tool.index.watched import WatchedModules
from merge_tool.lint.again import State, answers_of, look_again, segment
from merge_tool.lint.cache import Cache
from merge_tool.lint.checking import check, found_from
from merge_tool.lint.progress import Progress
from merge_tool.lint.reading import facts_reader, grouped, read_files
from merge_tool.lint.results import findings_bytes, read_findings
from merge_tool.model.policy import Policy
from merge_tool.rulekit.rule import Rule

if TYPE_CHECKING:
    from merge_tool.lint.run import LintResult


def anew(
    cache: Cache | None,
    state_key: bytes,
    texts: Mapping[str, bytes],
    keys: Mapping[str, bytes],
    policy: Policy,
    chosen: Sequence[Rule],
    jobs: int,
    tell: Callable[..., LintResult],
    progress: Progress | None = None,
) -> LintResult:
    """Checks all files, and leaves what the next run can go on from."""

    modules, unreadable = read_files(texts, keys, policy, cache, jobs, progress)
    markers = {path: module.markers for path, module in modules.items() if module.markers}
    if progress is not None:
        progress.phase("linking", 0)
    with no_collection():
        tracker = Tracker()
        watched = WatchedModules(list(modules), modules.__getitem__, tracker) if state_key else modules
        index = ProjectIndex(watched, unreadable, policy, tracker)
    groups = grouped(list(modules), texts, jobs)
    done = check(index, chosen, groups, jobs, noted=bool(state_key), progress=progress)
    result = tell(index, by_file=done.found, markers=markers)
    if cache is not None and state_key and done.whole:
        if tracker.number != done.frames:  # what was asked for since has frames too
            done.segments[0] = segment(tracker)
        answers, large = answers_of(index)
        state = State(
            dict(keys),
            unreadable,
            index.tables.rows,
            {path: findings_bytes(found) for path, found in done.found.items()},
            markers,
            done.answers | answers,
            done.large | large,
            done.segments,
        )
        cache.put([(state_key, state.to_bytes())])
    return result


def after_change(
    cache: Cache,
    state_key: bytes,
    texts: Mapping[str, bytes],
    keys: Mapping[str, bytes],
    policy: Policy,
    chosen: Sequence[Rule],
    tell: Callable[..., LintResult],
) -> LintResult | None:
    """Checks what a change since the last run can reach; None where all is to be checked."""
    data = cache.get([state_key]).get(state_key)
    if data is None:
        return None

    with no_collection():
        state = State.from_bytes(data)
        again = (
            look_again(state, keys, policy, facts_reader(texts, keys, policy, cache))
            if state is not None
            else None
        )
        if state is None or again is None:
            return None
        found = {path: told[0] for path, rows in state.findings.items() if (told := read_findings(rows))}
        for path in again.reached:
            found[path] = found_from(again.index, chosen, path)
            state.findings[path] = findings_bytes(found[path])
        result = tell(again.index, by_file=found, markers=again.markers)
        index = again.index
        state.answers, state.large = answers_of(index)
        state.keys, state.markers, state.tables = dict(keys), again.markers, index.tables.rows
        state.segments.append(segment(index.tracker))
        cache.put([(state_key, state.to_bytes())])
    return result

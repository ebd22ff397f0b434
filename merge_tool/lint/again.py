"""A run after a change: only what the change can reach is worked out again, the rest stands as the last run left it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from merge_tool.index.outlines import Tables, outline
from merge_tool.index.project import ProjectIndex, no_collection
from merge_tool.index.track import ALL, UNPLACED, Answers, Tracker
from merge_tool.index.watched import WatchedModules
from merge_tool.lint.facts_bytes import plain_bytes, plain_value
from merge_tool.lint.same import changed_parts, same
from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import Marker, ModuleFacts, Unreadable
from merge_tool.rulekit.project import Job, Route

# Above these a full run on all cores is quicker; measured with benchmarks/lint_speed.py.
MOST_CHANGED = 24
MOST_REACHED = 0.3
# Old reasons for a look at a file are kept beside the new ones, so they are all gathered anew after some runs.
MOST_SEGMENTS = 40
PLACES = frozenset(("span", "line", "registered"))  # of routes and jobs
LARGE = ("schema", "migrations", "routes", "jobs")


@dataclass
class State:
    """What a run leaves for the next one.

    Attributes:
        keys: the key of each file's facts.
        unreadable: the files without facts.
        tables: the outlines of all files.
        findings: what each file was the reason for, as bytes of findings; files without any are left out.
        markers: the suppressions of the files that have some.
        answers: those on parts of the project (`models:`, `bases:`, `reach:`).
        large: those on the whole of it, each as bytes.
        segments: which keys led to which answers, one for each process that worked at it.
    """

    keys: dict[str, bytes]
    unreadable: tuple[Unreadable, ...]
    tables: dict[str, Any]
    findings: dict[str, bytes]
    markers: dict[str, tuple[Marker, ...]]
    answers: dict[str, Any]
    large: dict[str, bytes]
    segments: list[bytes] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        """The state as bytes."""
        return plain_bytes(
            (
                self.keys,
                self.unreadable,
                self.tables,
                self.findings,
                self.markers,
                self.answers,
                self.large,
                self.segments,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> State | None:
        """What `to_bytes` wrote; None where the bytes are not such."""
        found = plain_value(data)
        return cls(*found) if isinstance(found, tuple) and len(found) == 8 else None


@dataclass(frozen=True)
class Again:
    """What there is to be done anew.

    Attributes:
        index: the project, of which only what is asked for is loaded.
        reached: the files whose findings may be others now.
        markers: the suppressions of all files as they are now.
    """

    index: ProjectIndex
    reached: list[str]
    markers: dict[str, tuple[Marker, ...]]


def answers_of(index: ProjectIndex) -> tuple[dict[str, Any], dict[str, bytes]]:
    """An index's answers for a state: those on parts, and the large ones as bytes."""
    have = index.answers.have
    large = {name: plain_bytes(have[name]) for name in LARGE if name in have}
    return {name: value for name, value in have.items() if name not in LARGE}, index.answers.stored | large


def segment(tracker: Tracker) -> bytes:
    """Which keys led to which answers in this process: by file, so that only the rows of changed files are read again."""
    by_path: dict[str, dict[tuple[str, str], list[int]]] = {}
    above: dict[int, list[int]] = {}
    for number, seen in tracker.frames.items():
        label = tracker.labels.get(number, "")
        own = label[5:] if label.startswith("file:") else None  # a changed file is looked at anyway
        for key in seen:
            if isinstance(key, int):
                above.setdefault(key, []).append(number)
            elif key[0] != own:
                by_path.setdefault(key[0], {}).setdefault(key[1:], []).append(number)
    rows = {path: plain_bytes(found) for path, found in by_path.items()}
    return plain_bytes((tracker.labels, plain_bytes(above), rows))


def labels_reached(segments: Iterable[bytes], changed: Mapping[str, set[tuple[str, str]]]) -> set[str] | None:
    """The labels of the answers that depend on one of the keys; None where the bytes are not those of `segment`."""
    found: set[str] = set()
    for data in segments:
        parts = plain_value(data)
        if not isinstance(parts, tuple) or len(parts) != 3:
            return None
        labels, above, rows = parts
        pending: list[int] = []
        for path, keys in changed.items():
            if path in rows:
                here = plain_value(rows[path])
                if here is None:
                    return None
                pending.extend(number for key in keys for number in here.get(key, ()))
        edges = plain_value(above) if pending else {}
        if edges is None:
            return None
        seen: set[int] = set()
        while pending:
            number = pending.pop()
            if number not in seen:
                seen.add(number)
                pending.extend(edges.get(number, ()))
        found.update(labels[number] for number in seen if number in labels)
    return found


def look_again(
    state: State,
    keys: Mapping[str, bytes],
    policy: Policy,
    facts_of: Callable[[str, bytes], ModuleFacts | Unreadable | None],
) -> Again | None:
    """Finds what a change can reach.

    Args:
        state: what the last run over the same files left; its tables and answers are brought up to date.
        keys: the keys of the files' facts now.
        policy: what a tenant is.
        facts_of: the facts of a file by path and key.

    Returns:
        what is to be done; None where a full run is the better or the only way.
    """
    changed_files = [path for path, key in keys.items() if state.keys.get(path) != key]
    if (
        len(changed_files) > MOST_CHANGED
        or len(state.segments) > MOST_SEGMENTS
        or keys.keys() != state.keys.keys()
    ):
        return None
    broken = {item.path for item in state.unreadable}
    changed: dict[str, set[tuple[str, str]]] = {"": set()}
    tables = Tables(state.tables, tracker := Tracker())
    markers = dict(state.markers)
    have: dict[str, ModuleFacts] = {}
    for path in changed_files:
        old, new = facts_of(path, state.keys[path]), facts_of(path, keys[path])
        if not isinstance(old, ModuleFacts) or not isinstance(new, ModuleFacts):
            return None
        have[path] = new
        changed[path] = changed_parts(old, new)
        changed[""] |= tables.replace(path, outline(old), outline(new))
        markers.pop(path, None)
        if new.markers:
            markers[path] = new.markers

    def load(path: str) -> ModuleFacts:
        facts = have.get(path) or facts_of(path, keys[path])
        assert isinstance(facts, ModuleFacts)  # readable files alone are asked for
        return facts

    reached = labels_reached(state.segments, changed)
    if reached is None:
        return None
    again = {f"models:{path}" for path in changed_files} | {f"bases:{path}" for path in changed_files}
    kept = {name: value for name, value in state.answers.items() if name not in reached and name not in again}
    stored = {name: data for name, data in state.large.items() if name not in reached}
    modules = WatchedModules(sorted(path for path in keys if path not in broken), load, tracker)
    with no_collection():
        index = ProjectIndex(
            modules, state.unreadable, policy, tracker, tables, Answers(tracker, kept, stored, plain_value)
        )
        for name in [item for item in (reached | again) if item.startswith("models:")]:
            if not same(state.answers.get(name, []), kept.get(name, [])):
                return None  # what a table is concerns every file
        if not _reach_again(state, index, reached) or not _values_again(state, index, reached, changed_files):
            return None
    files = {item[5:] for item in reached if item.startswith("file:")} | set(changed_files)
    if len(files) > max(MOST_CHANGED, MOST_REACHED * len(keys)):
        return None
    return Again(index, sorted(path for path in files if path not in broken), markers)


def _reach_again(state: State, index: ProjectIndex, reached: set[str]) -> bool:
    """Works out what calls reach where a change could have changed that, and adds what only that leads to."""
    names = sorted(name for name in reached if name.startswith("reach:"))
    differ: set[tuple[str, str]] = set()
    for name in names:
        _, word, path = name.split(":", 2)
        new = index.answers.get(name, index.reach, word, path)
        if new != state.answers.get(name):
            differ.add(("reach", f"{word}:{path}"))
    return _further(state, index, differ, reached, done=set(names))


def _values_again(state: State, index: ProjectIndex, reached: set[str], changed_files: Sequence[str]) -> bool:
    """Works out the answers on the whole project that a change reached, and adds what only they reach; False: it goes in circles."""
    bases = sorted(
        {name for name in reached if name.startswith("bases:")} | {f"bases:{path}" for path in changed_files}
    )
    if any(name.startswith("bases:") for name in state.answers):
        differ: set[tuple[str, str]] = set()
        for name in bases:
            old = state.answers.get(name, {})
            new = index.answers.get(name, index.bases_in, name[6:])
            if old != new or list(old) != list(new):
                sides = (old, new)
                differ |= {("below", base) for side in sides for above in side.values() for base in above}
        if not _further(state, index, differ, reached, done=set(bases)):
            return False
    done = set(bases)
    for name in LARGE:
        if name not in reached or name not in state.large:
            continue
        done.add(name)
        old = plain_value(state.large[name])
        if old is None:
            return False
        asked: dict[str, Callable[[], Any]] = {
            "schema": index.schema,
            "migrations": index.migrations,
            "routes": index.routes,
            "jobs": index.all_jobs,
        }
        new = asked[name]()
        differ = set()
        if name in ("routes", "jobs"):
            for path in {item.function_path for item in (*old, *new)}:
                if not same(*([item for item in side if item.function_path == path] for side in (old, new))):
                    differ |= {(name, path), (name, ALL)}
            if [item.function_path for item in old] != [item.function_path for item in new]:
                differ.add((name, ALL))
            if _unplaced(old) != _unplaced(new):
                differ.add((name, UNPLACED))
        elif not same(old, new):
            differ.add((name, ""))
        if not _further(state, index, differ, reached, done):
            return False
    return True


def _unplaced(items: Sequence[Route] | Sequence[Job]) -> list[tuple[object, ...]]:
    """All of routes or jobs but the lines where they stand; which routes share a router is told, not which line makes it."""
    routers: dict[str, int] = {}
    return [
        tuple(
            routers.setdefault(item.router, len(routers))
            if part.name == "router" and isinstance(item, Route)
            else getattr(item, part.name)
            for part in fields(item)
            if part.name not in PLACES
        )
        for item in items
    ]


def _further(
    state: State, index: ProjectIndex, differ: set[tuple[str, str]], reached: set[str], done: set[str]
) -> bool:
    if not differ:
        return True
    more = labels_reached(state.segments, {"": differ})
    if more is None:
        return False
    fresh = more - reached
    reached |= more
    for name in fresh:
        index.answers.forget(name)  # it was thought to stand
    return not any(name in done or name.startswith(("models:", "bases:", "reach:")) for name in fresh)

"""The facts of many files: from the cache where it has them, else read, on several cores where that pays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from merge_tool.index.project import no_collection
from merge_tool.index.reader import read_module
from merge_tool.lint.cache import Cache
from merge_tool.lint.facts_bytes import from_bytes, to_bytes
from merge_tool.lint.progress import Progress
from merge_tool.lint.workers import share
from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import ModuleFacts, Unreadable

# Below this many bytes of source a second process costs more than it takes over; measured with benchmarks/lint_speed.py.
ENOUGH = 300_000
_TASKS_A_JOB = 12


def read_files(
    contents: Mapping[str, bytes],
    keys: Mapping[str, bytes],
    policy: Policy,
    cache: Cache | None,
    jobs: int,
    progress: Progress | None = None,
) -> tuple[dict[str, ModuleFacts], tuple[Unreadable, ...]]:
    """The facts of files, and those that cannot be read, both in order of path whatever the number of processes.

    Args:
        contents: the files' bytes, by path.
        keys: the key of each in the cache, by path.
        policy: says which comments mark global queries, and which scripts are to be noted.
        cache: where facts are looked for and kept; None: nowhere.
        jobs: how many processes may read.
        progress: is told how many files are read; with several processes, by this one, which are about an even share.
    """
    found: dict[str, ModuleFacts | Unreadable] = {}
    told = (policy.global_marker, policy.forbidden_scripts)
    with no_collection():
        if cache is not None:
            kept = cache.get(list(keys.values()))
            for path, key in keys.items():
                facts = from_bytes(kept[key]) if key in kept else None
                if facts is not None and facts.path == path:
                    found[path] = facts
        missing = [path for path in contents if path not in found]
        fresh: dict[str, bytes] = {}
        groups = grouped(missing, contents, jobs)
        if progress is not None and missing:
            progress.phase("reading", len(missing))

        def here(task: int) -> None:
            for path in groups[task]:
                found[path] = facts = read_module(path, contents[path], *told)
                if cache is not None:
                    fresh[path] = to_bytes(facts)
                if progress is not None:
                    progress.step(len(found) - (len(contents) - len(missing)))

        def there(task: int) -> bytes:
            parts: list[bytes] = []
            for path in groups[task]:
                data = to_bytes(read_module(path, contents[path], *told))
                parts += (len(data).to_bytes(8, "little"), data)
            return b"".join(parts)

        for task, data in sorted(share(len(groups), jobs, there, here).items()):
            for path, part in zip(groups[task], _parts(data), strict=True):
                found[path] = from_bytes(part) or read_module(path, contents[path], *told)
                fresh[path] = part
        if cache is not None and fresh:
            cache.put((keys[path], fresh[path]) for path in sorted(fresh))
    modules: dict[str, ModuleFacts] = {}
    unreadable: list[Unreadable] = []
    for path in sorted(found):
        facts = found[path]
        if isinstance(facts, Unreadable):
            unreadable.append(facts)
        else:
            modules[path] = facts
    return modules, tuple(unreadable)


def facts_reader(
    contents: Mapping[str, bytes], keys: Mapping[str, bytes], policy: Policy, cache: Cache
) -> Callable[[str, bytes], ModuleFacts | Unreadable | None]:
    """Gives the facts of one file by path and key: those of the cache, else, for the text of now, those that are read.

    Args:
        contents, keys, policy, cache: as for `read_files`.
    """

    def facts_of(path: str, key: bytes) -> ModuleFacts | Unreadable | None:
        data = cache.get([key]).get(key)
        facts = from_bytes(data) if data is not None else None
        if facts is not None and facts.path == path:
            return facts
        if key != keys[path]:
            return None
        facts = read_module(path, contents[path], policy.global_marker, policy.forbidden_scripts)
        cache.put([(key, to_bytes(facts))])
        return facts

    return facts_of


def grouped(paths: Sequence[str], contents: Mapping[str, bytes], jobs: int) -> list[list[str]]:
    """Paths in groups of like size, some for each process, so that none waits long for another; one group where little is to be done."""
    total = sum(len(contents[path]) for path in paths)
    if jobs < 2 or total < ENOUGH:
        return [list(paths)] if paths else []
    most = total / (jobs * _TASKS_A_JOB)
    groups: list[list[str]] = []
    size = most
    # The largest first: what is begun last should be short.
    for path in sorted(paths, key=lambda path: (-len(contents[path]), path)):
        if size >= most:
            groups.append([])
            size = 0
        groups[-1].append(path)
        size += len(contents[path])
    return groups


def _parts(data: bytes) -> list[bytes]:
    parts: list[bytes] = []
    place = 0
    while place < len(data):
        end = place + 8 + int.from_bytes(data[place : place + 8], "little")
        parts.append(data[place + 8 : end])
        place = end
    return parts

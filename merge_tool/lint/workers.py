"""Shares work out to copies of this process, where that pays and is safe; else does it here."""

from __future__ import annotations

import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

_HEAD = struct.Struct("<IQ")  # task, bytes that follow
_TICKET = struct.Struct("<H")
MAX_TASKS = 2000  # tickets that fit into a pipe at once
_MAX_JOBS = 8
_LAST = 2**32 - 1  # what a copy leaves at its end


def default_jobs() -> int:
    """As many processes as this one may use cores, up to eight."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _MAX_JOBS)
    return min(os.cpu_count() or 1, _MAX_JOBS)


def can_fork() -> bool:
    """Whether copies of this process are safe: on Linux, and while no other thread might hold a lock.

    A forked copy has the files' bytes, the rules and the index already, and starts in a hundredth of a second; a
    spawned one would import everything again, which costs more than it saves. macOS breaks forked processes.
    """
    return sys.platform == "linux" and threading.active_count() == 1


def share(
    tasks: int,
    jobs: int,
    there: Callable[[int], bytes],
    here: Callable[[int], None],
    leave: Callable[[], bytes] | None = None,
    left: Callable[[bytes], None] | None = None,
    meanwhile: Callable[[], None] | None = None,
    lanes: Sequence[Sequence[int]] = (),
) -> dict[int, bytes]:
    """Does tasks 0 to `tasks`, each once, in this process and up to `jobs` - 1 copies of it.

    Args:
        there: does a task in a copy, and gives what it sends back.
        here: does a task in this process.
        leave: gives what a copy sends at its end, beside its tasks; `left` takes it here. Of a copy that was killed it is empty.
        meanwhile: is done here once, when no task is left to begin and copies may still be at theirs.
        lanes: all tasks in rows of such as have much in common: each process begins with another row, and goes on with
            what is left of the others. None: one row.

    Returns:
        what came back, by task. A task whose copy failed or was killed is done here, so that its error is seen here.
    """
    if jobs < 2 or tasks < 2 or not can_fork():
        for task in range(tasks):
            here(task)
        if meanwhile is not None:
            meanwhile()
        return {}
    assert tasks <= MAX_TASKS
    queues = [_queue(lane) for lane in lanes or [range(tasks)]]
    copies: list[tuple[int, int]] = []
    back: dict[int, bytes] = {}
    try:
        for number in range(1, min(jobs, tasks)):
            reader, writer = os.pipe()
            sys.stdout.flush()
            sys.stderr.flush()
            try:
                process = os.fork()
            except OSError:  # no room for another process
                os.close(reader)
                os.close(writer)
                break
            if process == 0:
                _copy(_from(queues, number), writer, there, leave)
            os.close(writer)
            copies.append((process, reader))
        mine = set()
        for task in _from(queues, 0):
            here(task)
            mine.add(task)
        if meanwhile is not None:
            meanwhile()
        for _, reader in copies:
            back.update(_received(reader))
            last = back.pop(_LAST, None)
            if left is not None and leave is not None:
                left(last or b"")
    except BaseException:
        for process, _ in copies:
            os.kill(process, signal.SIGKILL)
        raise
    finally:
        for queue in queues:
            os.close(queue)
        for process, reader in copies:
            os.close(reader)
            os.waitpid(process, 0)
    for task in range(tasks):
        if task not in mine and task not in back:
            here(task)
    return back


def _queue(tasks: Iterable[int]) -> int:
    """A pipe of tickets: each is read by one process, whichever comes first."""
    reader, writer = os.pipe()
    os.write(writer, b"".join(_TICKET.pack(task) for task in tasks))
    os.close(writer)
    return reader


def _from(queues: Sequence[int], number: int) -> Iterator[int]:
    """The tasks that a process gets: those of its own queue first, then those that others have not begun."""
    at = number % len(queues)
    for queue in (*queues[at:], *queues[:at]):
        while ticket := os.read(queue, _TICKET.size):
            yield _TICKET.unpack(ticket)[0]


def _copy(
    tasks: Iterable[int], writer: int, there: Callable[[int], bytes], leave: Callable[[], bytes] | None
) -> None:
    """The life of a copy. It never returns: what stands above in the stack belongs to the first process."""
    try:
        done: list[bytes] = []
        for task in tasks:
            data = there(task)
            done += (_HEAD.pack(task, len(data)), data)
        if leave is not None:
            data = leave()
            done += (_HEAD.pack(_LAST, len(data)), data)
        # All at the end: a pipe holds little, and the first process does not look into it before its own work is done.
        with os.fdopen(writer, "wb") as stream:
            stream.writelines(done)
    finally:
        os._exit(0)


def _received(reader: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    with os.fdopen(os.dup(reader), "rb") as stream:
        while len(head := stream.read(_HEAD.size)) == _HEAD.size:
            task, size = _HEAD.unpack(head)
            data = stream.read(size)
            if len(data) == size:
                found[task] = data
    return found

"""Where in a project's own code a statement came from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FrameType

from merge_tool.index.reader import read_module
from merge_tool.rulekit.facts import Unreadable

_LIBRARIES = ("site-packages", "dist-packages", "/lib/python")
_FLUSH = ("sqlalchemy/orm/persistence.py", "sqlalchemy/orm/unitofwork.py")


@dataclass(frozen=True)
class Site:
    """A line of the project, with the name of its function."""

    path: str
    line: int
    function: str


def _frames() -> Iterator[FrameType]:
    """The frames from here outward; from a greenlet of SQLAlchemy's on into the coroutine that waits for it."""
    frame: FrameType | None = sys._getframe(1)
    greenlet = _current_greenlet()
    while True:
        while frame is not None:
            yield frame
            frame = frame.f_back
        greenlet = getattr(greenlet, "parent", None)
        frame = getattr(greenlet, "gr_frame", None)
        if frame is None:
            return


def _current_greenlet() -> object:
    module = sys.modules.get("greenlet")  # only an asynchronous project has loaded it
    return module.getcurrent() if module is not None else None


def find_site(root: str) -> tuple[Site | None, bool]:
    """The nearest line of the project, and whether the session writes out changed rows there.

    Args:
        root: the project's root, with a slash at the end.
    """
    flushing = False
    for frame in _frames():
        name = frame.f_code.co_filename
        if not flushing and name.replace("\\", "/").endswith(_FLUSH):
            flushing = True
        if name.startswith(root) and not any(part in name[len(root) - 1 :] for part in _LIBRARIES):
            return Site(
                name[len(root) :].replace("\\", "/"),
                frame.f_lineno,
                frame.f_code.co_qualname if sys.version_info >= (3, 11) else "",
            ), flushing
    return None, flushing


@lru_cache(maxsize=512)
def _marked(path: Path, marker: str) -> tuple[tuple[int, int], ...]:
    """The lines of a file that the marker for global queries covers, with a reason."""
    try:
        facts = read_module(path.name, path.read_bytes(), marker)
    except OSError:
        return ()
    if isinstance(facts, Unreadable):
        return ()
    return tuple(
        (item.first, item.last) for item in facts.markers if item.keyword == "global" and item.reason
    )


def is_marked(root: str, site: Site, marker: str) -> bool:
    """Whether the code says, with a reason, that the statement is meant for all tenants."""
    return any(first <= site.line <= last for first, last in _marked(Path(root) / site.path, marker))

"""What answers depend on, noted while they are worked out: a change then asks again only for those that it can reach.

Every part of a file's facts that is looked at has a key: the file, the kind of part, its name. A look for something
that is not there is noted too, so that its coming is seen. Answers that are kept for others (`Memo`) are frames of
their own: who uses a kept answer depends on its frame, and so on all that it was made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, TypeVar

K = TypeVar("K")
V = TypeVar("V")
P = ParamSpec("P")

# File ("" for the tables of the whole project), kind of part, name of the part ("*" for all of the kind).
Key = tuple[str, str, str]
ALL = "*"
UNPLACED = "* but where"  # all of the kind, but for the lines where they stand


class Tracker:
    """Notes what is looked at.

    Attributes:
        seen: what the frame that is open has looked at: keys, and numbers of other frames.
        frames: the closed frames by number.
        labels: the names of those frames that have one.
    """

    def __init__(self) -> None:
        self.seen: set[Key | int] = set()
        self.frames: dict[int, set[Key | int]] = {}
        self.labels: dict[int, str] = {}
        self.number = 0

    @contextmanager
    def frame(self, label: str) -> Iterator[None]:
        """A frame with a name. What is around it does not depend on it by itself: it notes a key for what it uses."""
        outer, self.seen = self.seen, set()
        try:
            yield
        finally:
            inner, self.seen = self.seen, outer
            self.number += 1
            self.frames[self.number] = inner
            self.labels[self.number] = label


class Memo(Generic[K, V]):
    """Answers that are kept, each in a frame of its own."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._kept: dict[K, tuple[V, int]] = {}

    def ask(self, key: K, make: Callable[P, V], *args: P.args, **kwargs: P.kwargs) -> V:
        """The kept answer, else what `make` gives."""
        entry = self._kept.get(key)
        if entry is not None:
            self._tracker.seen.add(entry[1])
            return entry[0]
        return self._made(key, self._next(), make, *args, **kwargs)

    def ask_around(self, key: K, meanwhile: V, make: Callable[P, V], *args: P.args, **kwargs: P.kwargs) -> V:
        """The same for what may lead back to itself, which then finds `meanwhile`."""
        entry = self._kept.get(key)
        if entry is not None:
            self._tracker.seen.add(entry[1])
            return entry[0]
        number = self._next()
        self._kept[key] = (meanwhile, number)
        try:
            return self._made(key, number, make, *args, **kwargs)
        except BaseException:
            del self._kept[key]
            raise

    def _next(self) -> int:
        self._tracker.number += 1
        return self._tracker.number

    def _made(self, key: K, number: int, make: Callable[P, V], *args: P.args, **kwargs: P.kwargs) -> V:
        tracker = self._tracker
        outer, tracker.seen = tracker.seen, set()
        try:
            value = make(*args, **kwargs)
        finally:
            inner, tracker.seen = tracker.seen, outer
        tracker.frames[number] = inner
        outer.add(number)
        self._kept[key] = (value, number)
        return value


class Noted(Generic[K, V]):
    """Small answers that are kept with the keys that they were come by, which each who asks notes: no frame of their own.

    What they are asked of is kept too, so that an `id` in a key stays that of one object.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._kept: dict[K, tuple[V, set[Key | int], object]] = {}

    def ask(self, key: K, make: Callable[P, V], *args: P.args, **kwargs: P.kwargs) -> V:
        """The kept answer, else what `make` gives."""
        tracker = self._tracker
        entry = self._kept.get(key)
        if entry is None:
            outer, tracker.seen = tracker.seen, set()
            try:
                value = make(*args, **kwargs)
            finally:
                inner, tracker.seen = tracker.seen, outer
            entry = self._kept[key] = (value, inner, args)
        if entry[1]:
            tracker.seen |= entry[1]
        return entry[0]


class Answers:
    """Answers on the whole project, by name. Who uses one notes keys for the parts that it looks at, so that an answer
    that comes out the same again leads no further.

    Attributes:
        have: those that are known.
        stored: those that are known as bytes, which `load` makes an answer of.
    """

    def __init__(
        self,
        tracker: Tracker,
        have: dict[str, Any] | None = None,
        stored: dict[str, bytes] | None = None,
        load: Callable[[bytes], Any] | None = None,
    ) -> None:
        self._tracker = tracker
        self.have: dict[str, Any] = have if have is not None else {}
        self.stored = stored if stored is not None else {}
        self._load = load

    def get(self, name: str, make: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Any:
        """The answer of that name, else what `make` gives."""
        if name not in self.have:
            data = self.stored.get(name)
            value = self._load(data) if self._load is not None and data is not None else None
            if value is None:
                with self._tracker.frame(name):
                    value = make(*args, **kwargs)
            self.have[name] = value
        return self.have[name]

    def forget(self, name: str) -> None:
        """Has an answer worked out again."""
        self.have.pop(name, None)
        self.stored.pop(name, None)

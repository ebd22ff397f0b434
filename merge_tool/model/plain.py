"""Small values made by the hundred thousand: frozen for the type checker, as quick as Python allows at run time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def plain(*, eq: bool = False, order: bool = False) -> Callable[[type[T]], type[T]]:
    """A dataclass with slots, for facts.

    `frozen=True` would set every field through `object.__setattr__`, and pickle it through Python code: together that
    was more than half of the time of reading a file and of loading its facts. So nothing guards the fields at run
    time; mypy does, to which they are frozen.

    Args:
        eq: compare and hash by the fields; else two are the same only when they are one object.
        order: sort by the fields too.
    """

    def made(cls: type[T]) -> type[T]:
        # The fields of a set element never change, so a hash over them is safe.
        data = dataclass(slots=True, eq=eq, order=order, unsafe_hash=eq)(cls)
        names = tuple(item.name for item in fields(data) if item.init)  # type: ignore[arg-type]  # it is a dataclass now
        get = attrgetter(*names)
        if len(names) == 1:

            def reduce(self: T, _protocol: object) -> tuple[Any, ...]:
                return data, (get(self),)
        else:

            def reduce(self: T, _protocol: object) -> tuple[Any, ...]:
                return data, get(self)

        # Its constructor rebuilds it: half the time of the state that pickle would take by itself, and smaller.
        data.__reduce_ex__ = reduce  # type: ignore[method-assign,assignment]
        return data

    return made

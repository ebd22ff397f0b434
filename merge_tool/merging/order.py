"""The order in which import statements and imported names stand, where the sides keep one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol


class Keyed(Protocol):
    """Anything with the texts of its tokens."""

    @property
    def key(self) -> tuple[str, ...]:
        """The texts."""


_TELLING = 3  # two items stand in order as often as not

Order = Callable[[Keyed], tuple[str, ...]]


def _plain(item: Keyed) -> tuple[str, ...]:
    return item.key


def _folded(item: Keyed) -> tuple[str, ...]:
    return tuple(text.lower() for text in item.key)


def _isort(item: Keyed) -> tuple[str, ...]:
    """Constants, then classes, then the rest: the order of isort and ruff."""
    name = item.key[0] if item.key else ""
    if name.isupper() and len(name) > 1:
        rank = "0"
    elif name[:1].isupper():
        rank = "1"
    else:
        rank = "2"
    return rank, *(text.lower() for text in item.key), *item.key


def isort_order(groups: Iterable[Sequence[Keyed]]) -> Order | None:
    """The order of isort where nothing in the groups speaks against it, also where they are too short to tell."""
    for group in groups:
        keys = [_isort(item) for item in group]
        if keys != sorted(keys):
            return None
    return _isort


ORDERS: tuple[Order, ...] = (_isort, _folded, _plain)


def order_of(runs: Iterable[Sequence[Keyed]]) -> Order | None:
    """The plain order in which every run stands; None where there is none, or a run is too short to tell."""
    found = list(runs)
    for order in (_folded, _plain):
        if all(
            len(run) >= _TELLING and [order(item) for item in run] == sorted(map(order, run)) for run in found
        ):
            return order
    return None


def sorted_as(groups: Iterable[Sequence[Keyed]]) -> Order | None:
    """The order in which every group stands, None where there is none or all are too short to tell."""
    found = [group for group in groups if len(group) > 1]
    if not found:
        return None
    for order in ORDERS:
        if all([order(item) for item in group] == sorted(map(order, group)) for group in found):
            return order
    return None

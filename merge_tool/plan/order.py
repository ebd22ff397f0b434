"""The order in which stories, and the parts of batched stories, are done."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from merge_tool.model.plan import Batches, Plan


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """What is done in one go and ends in one commit. `batch` counts a story's parts from 1; 0 is a whole story."""

    story_id: str
    batch: int = 0

    def __str__(self) -> str:
        return f"{self.story_id}#{self.batch}" if self.batch else self.story_id


class StoryLike(Protocol):
    """What the order is made from."""

    @property
    def id(self) -> str: ...
    @property
    def depends_on(self) -> tuple[str, ...]: ...
    @property
    def batches(self) -> Batches | None: ...


def split_reference(reference: str) -> tuple[str, int]:
    """`5.3#1` as `("5.3", 1)`, `5.3` as `("5.3", 0)`.

    Raises:
        ValueError: what stands behind `#` is not a number from 1.
    """
    story_id, mark, batch = reference.partition("#")
    if not mark:
        return story_id, 0
    if not (batch.isascii() and batch.isdigit()) or int(batch) < 1:
        raise ValueError("behind # stands the number of a batch, from 1")
    return story_id, int(batch)


def story_units(story: StoryLike) -> tuple[Unit, ...]:
    """The units of one story."""
    if story.batches is None:
        return (Unit(story.id),)
    return tuple(Unit(story.id, number) for number in range(1, story.batches.count + 1))


def dependencies(stories: Sequence[StoryLike]) -> dict[Unit, frozenset[Unit]]:
    """For each unit, in the stories' order, the units that must be done before it.

    A story that depends on a batched one waits for all its parts; `5.3#1` waits for that part. A part waits for
    the part before it and for that part's checkpoint. References to what does not exist are left out: the loader
    reports them.
    """
    known = {story.id: story_units(story) for story in stories}
    result: dict[Unit, frozenset[Unit]] = {}
    for story in stories:
        outer: set[Unit] = set()
        for reference in story.depends_on:
            try:
                story_id, batch = split_reference(reference)
            except ValueError:
                continue
            outer.update(unit for unit in known.get(story_id, ()) if batch in (0, unit.batch))
        checkpoints = story.batches.checkpoints if story.batches else ()
        for unit in known[story.id]:
            needs = set(outer)
            if unit.batch > 1:
                needs.add(Unit(story.id, unit.batch - 1))
                if unit.batch - 2 < len(checkpoints):
                    needs.update(known.get(checkpoints[unit.batch - 2], ()))
            result[unit] = frozenset(needs)
    return result


def find_cycle(stories: Sequence[StoryLike]) -> tuple[Unit, ...]:
    """The units of one cycle, each waiting for the next and the first again at the end; empty where there is none.

    It begins with a story that names the next one in its `depends_on`, where one does.
    """
    from graphlib import CycleError, TopologicalSorter

    sorter: TopologicalSorter[Unit] = TopologicalSorter()
    for unit, needs in dependencies(stories).items():
        sorter.add(unit, *sorted(needs))  # in order, so that the same plan always shows the same cycle
    try:
        sorter.prepare()
    except CycleError as error:
        # graphlib lists each as a predecessor of the next; turned round, each waits for the next
        ring = list(reversed(error.args[1]))[:-1]
        named = {
            story.id: {reference.partition("#")[0] for reference in story.depends_on} for story in stories
        }
        follows = zip(ring, ring[1:] + ring[:1], strict=True)
        start = next(
            (index for index, (unit, after) in enumerate(follows) if after.story_id in named[unit.story_id]),
            0,
        )
        ring = ring[start:] + ring[:start]
        return (*ring, ring[0])
    return ()


def _ordered(graph: Mapping[Unit, frozenset[Unit]]) -> Iterator[Unit]:
    from graphlib import TopologicalSorter

    place = {unit: index for index, unit in enumerate(graph)}
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    ready: list[tuple[int, Unit]] = []
    while sorter.is_active():
        for unit in sorter.get_ready():
            heapq.heappush(ready, (place[unit], unit))
        unit = heapq.heappop(ready)[1]
        yield unit
        sorter.done(unit)


def units(plan: Plan) -> tuple[Unit, ...]:
    """Every unit in an order that honours dependencies and checkpoints; among what is ready, in the plan's order."""
    return tuple(_ordered(unit_dependencies(plan)))


def unit_dependencies(plan: Plan) -> Mapping[Unit, frozenset[Unit]]:
    """For each unit of a loaded plan, the units that must be done before it, in the plan's order."""
    return dependencies(tuple(plan.stories()))

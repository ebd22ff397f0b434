"""Order and dependencies of stories and their parts."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from merge_tool.model.plan import Batches
from merge_tool.plan.order import Unit, dependencies, find_cycle, split_reference, unit_dependencies, units
from tests.plan.registry import good


@dataclass(frozen=True)
class Some:
    id: str
    depends_on: tuple[str, ...] = ()
    batches: Batches | None = None


def test_a_part_waits_for_the_part_before_and_its_checkpoint() -> None:
    plan = good()
    assert list(map(str, units(plan))) == ["0.1", "0.2#1", "0.3", "0.2#2"]
    needs = unit_dependencies(plan)
    assert needs[Unit("0.2", 1)] == {Unit("0.1")}
    assert needs[Unit("0.3")] == {Unit("0.2", 1)}
    assert needs[Unit("0.2", 2)] == {Unit("0.1"), Unit("0.2", 1), Unit("0.3")}


def test_a_whole_batched_story_means_all_its_parts() -> None:
    needs = dependencies([Some("a", (), Batches(3, ("x",))), Some("b", ("a",)), Some("c", ("a#2",))])
    assert needs[Unit("b")] == {Unit("a", 1), Unit("a", 2), Unit("a", 3)}
    assert needs[Unit("c")] == {Unit("a", 2)}


def test_the_last_checkpoint_holds_nothing_of_its_own_story_up() -> None:
    stories = [Some("a", (), Batches(2, ("x",), ("r1", "r2"))), Some("r1", ("a#1",)), Some("r2", ("a#2",))]
    assert find_cycle(stories) == ()
    assert Unit("r2") not in dependencies(stories)[Unit("a", 2)]


def test_cycle_is_told_as_who_waits_for_whom() -> None:
    stories = [Some("a", ("c",)), Some("b", ("a",)), Some("c", ("b",)), Some("d", ("a",))]
    assert [str(unit) for unit in find_cycle(stories)] in (
        ["a", "c", "b", "a"],
        ["b", "a", "c", "b"],
        ["c", "b", "a", "c"],
    )


def test_random_plans_are_ordered_and_stable() -> None:
    chance = random.Random(7)
    for _ in range(50):
        stories = [
            Some(str(index), tuple(str(item) for item in range(index) if chance.random() < 0.2), Batches(2, ("x",)) if chance.random() < 0.3 else None)
            for index in range(20)
        ]  # fmt: skip
        mixed = stories[:]
        chance.shuffle(mixed)
        assert find_cycle(mixed) == ()
        graph = dependencies(mixed)
        from merge_tool.plan.order import _ordered

        order = list(_ordered(graph))
        place = {unit: index for index, unit in enumerate(order)}
        assert len(order) == len(graph)
        for unit, needs in graph.items():
            assert all(place[item] < place[unit] for item in needs)
        # stable: at each step the first in the plan of what is ready
        rank = {unit: index for index, unit in enumerate(graph)}
        done: set[Unit] = set()
        for unit in order:
            ready = [item for item, needs in graph.items() if item not in done and needs <= done]
            assert unit == min(ready, key=rank.__getitem__)
            done.add(unit)


@pytest.mark.parametrize("text", ["5.3#", "5.3#0", "5.3#x", "5.3#-1", "5.3#²"])
def test_bad_reference(text: str) -> None:
    with pytest.raises(ValueError, match="number of a batch"):
        split_reference(text)


def test_reference() -> None:
    assert split_reference("5.3") == ("5.3", 0)
    assert split_reference("5.3#12") == ("5.3", 12)
    assert (str(Unit("5.3", 2)), str(Unit("5.3"))) == ("5.3#2", "5.3")

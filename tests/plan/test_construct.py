"""The fast path makes what pydantic makes, and takes nothing that pydantic refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from merge_tool.plan.construct import Limit, Misfit, construct
from merge_tool.plan.shapes import CHECK_TYPES, PlanShape
from tests.plan.registry import ACTIONS, changed


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    a: int
    b: str = "x"


@dataclass(frozen=True)
class Everything:
    text: Annotated[str, Limit(min_length=2)] = "ab"
    number: Annotated[int, Limit(strict=True, ge=1, le=5)] = 1
    hours: Annotated[float, Limit(ge=0)] = 0.0
    flag: bool = False
    maybe: int | None = None
    mixed: str | int | float | bool | None = None
    choice: Literal["", "a", 1] = ""
    colour: Colour = Colour.RED
    many: tuple[str, ...] = ()
    some: Annotated[tuple[int, ...], Limit(min_length=1)] = (1,)
    inner: Inner | None = None
    inners: tuple[str | Inner, ...] = ()
    table: dict[str, int] = field(default_factory=dict)
    free: dict[str, Any] = field(default_factory=dict)


VALUES: list[Any] = [
    None, True, False, 0, 1, 5, 6, -1, 1.0, 1.5, -0.5, float("inf"), float("nan"), "", "a", "ab", "red", "1", "true",
    [], ["a"], [1], [1, "a"], [["a"]], [{"a": 1}], [{"a": 1, "c": 2}], {}, {"a": 1}, {"a": "x"}, {"a": 1, "b": "y"}, {"z": 1},
]  # fmt: skip


def by_pydantic(shape: type, data: Any) -> Any:
    adapter = TypeAdapter(tuple.__class_getitem__((shape,)), config=ConfigDict(extra="forbid"))
    return adapter.validate_python((data,))[0]


@pytest.mark.parametrize("name", Everything.__dataclass_fields__)
def test_agrees_with_pydantic(name: str) -> None:
    taken = 0
    for value in VALUES:
        try:
            made = construct(Everything, {name: value})
        except Misfit:
            continue
        taken += 1
        other = by_pydantic(Everything, {name: value})
        assert made == other, value
        assert type(getattr(made, name)) is type(getattr(other, name)), value
    assert taken > 0


def test_whole_plan_agrees_with_pydantic() -> None:
    data = changed()
    assert construct(PlanShape, data) == by_pydantic(PlanShape, data)


@pytest.mark.parametrize("data", [{}, {"a": 1, "z": 2}, [], None, {"a": None}, {1: 2}])
def test_refuses(data: Any) -> None:
    with pytest.raises(Misfit):
        construct(Inner, data)
    with pytest.raises(ValidationError):
        by_pydantic(Inner, data)


def test_limits_reach_pydantic() -> None:
    for bad in (
        {"text": "a"},
        {"number": 6},
        {"number": 0},
        {"number": 1.0},
        {"hours": -1},
        {"hours": float("nan")},
        {"some": []},
    ):
        with pytest.raises(Misfit):
            construct(Everything, bad)
        with pytest.raises(ValidationError):
            by_pydantic(Everything, bad)


def test_every_shape_has_a_fast_path() -> None:
    """A plan that is right to the letter never pays for pydantic."""
    samples = {
        "validate": {"select": ["TQ"]}, "test": {"nodes": ["t.py"], "coverage": 80}, "query": {"sql": "SELECT 1", "expect": 0},
        "schema": {"table": "t", "columns": ["a", {"name": "b", "nullable": True}]}, "gate": {"question": "?"},
        "explain": {"tables": ["t"], "max_ms": 100.0}, "keys": {"match": "a*"}, "alembic": {"drift": False}, "count": {"nodes": ["t.py"], "table": "t", "at_most": 1},
    }  # fmt: skip
    for kind, shape in CHECK_TYPES.items():
        construct(shape, samples[kind])
    construct(ACTIONS["migration"], {"message": "m", "table": "t", "columns": [{"name": "a", "type": "b"}]})


def test_an_annotation_that_it_does_not_know_goes_to_pydantic() -> None:
    @dataclass(frozen=True)
    class Odd:
        value: bytes = b""

    with pytest.raises(Misfit):
        construct(Odd, {"value": "x"})
    assert by_pydantic(Odd, {"value": "x"}).value == b"x"

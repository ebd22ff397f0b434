"""Makes dataclasses of plain data without pydantic, where the data fits to the letter.

Importing pydantic and building its validators costs more than reading a whole plan, and nearly every plan that is read
is right. So this is tried first; whatever it refuses goes to pydantic, which decides and explains. It accepts nothing
that pydantic would not make the same instance of (a test compares them).
"""

from __future__ import annotations

import dataclasses
import enum
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Make = Callable[[Any], Any]


class Misfit(Exception):  # noqa: N818 not an error: pydantic is asked next
    """The data does not fit to the letter."""


@dataclass(frozen=True)
class Limit:
    """Stands in `Annotated`: the least and greatest value or length of a field, and what it means, for its JSON Schema."""

    description: str = ""
    min_length: int | None = None
    ge: int | None = None
    le: int | None = None
    strict: bool | None = None  # no number of another kind; the fast path is always strict

    def fits(self, value: Any) -> bool:
        """Whether a value of the right type is within the limits."""
        if self.min_length is not None and len(value) < self.min_length:
            return False
        return not ((self.ge is not None and value < self.ge) or (self.le is not None and value > self.le))

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """Tells pydantic the same limits."""
        from pydantic import Field

        given = {
            name: value
            for name in ("min_length", "ge", "le", "strict")
            if (value := getattr(self, name)) is not None
        }
        if self.description:
            given["description"] = self.description
        if source is float:
            given["allow_inf_nan"] = False
        return handler(typing.Annotated[source, Field(**given)])


def construct(shape: type[T], data: Any) -> T:
    """An instance of the dataclass `shape`.

    Raises:
        Misfit: `data` does not fit to the letter.
    """
    kind: Any = shape
    made: T = _maker(kind)(data)
    return made


def _exactly(*kinds: type) -> Make:
    def make(value: Any) -> Any:
        if type(value) not in kinds:
            raise Misfit
        return value

    return make


def _float(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise Misfit
    return float(value)


_SIMPLE: dict[Any, Make] = {
    Any: lambda value: value,
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
    float: _float,
    type(None): _exactly(type(None)),
}


@cache
def _maker(kind: Any) -> Make:
    """What makes a value of a type."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _limited(
            _maker(args[0]), [item for item in args[1:] if isinstance(item, Limit)], len(args) - 1
        )
    if origin in (types.UnionType, typing.Union):
        return _either([_maker(arm) for arm in args])
    if origin is Literal:
        return _literal(args)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return _each(_maker(args[0]))
    if origin is dict and args[0] is str:
        return _mapping(_maker(args[1]))
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        return _enum(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    return _refuse


def _refuse(_value: Any) -> Any:
    raise Misfit


def _limited(make: Make, limits: list[Limit], count: int) -> Make:
    if len(limits) != count:
        return _refuse  # something that only pydantic understands

    def limited(value: Any) -> Any:
        made = make(value)
        if not all(limit.fits(made) for limit in limits):
            raise Misfit
        return made

    return limited


def _either(makers: list[Make]) -> Make:
    def either(value: Any) -> Any:
        for make in makers:
            try:
                return make(value)
            except Misfit:
                continue
        raise Misfit

    return either


def _literal(allowed: tuple[Any, ...]) -> Make:
    def literal(value: Any) -> Any:
        if not any(value == item and type(value) is type(item) for item in allowed):
            raise Misfit
        return value

    return literal


def _each(make: Make) -> Make:
    def each(value: Any) -> Any:
        if type(value) is not list:
            raise Misfit
        return tuple([make(item) for item in value])

    return each


def _mapping(make: Make) -> Make:
    def mapping(value: Any) -> Any:
        if type(value) is not dict or not all(type(key) is str for key in value):
            raise Misfit
        return {key: make(item) for key, item in value.items()}

    return mapping


def _enum(kind: type[enum.StrEnum]) -> Make:
    known: dict[Any, enum.StrEnum] = {item.value: item for item in kind}

    def member(value: Any) -> Any:
        if type(value) is not str or value not in known:
            raise Misfit
        return known[value]

    return member


def _dataclass(kind: type) -> Make:
    fields = [item for item in dataclasses.fields(kind) if item.init]
    needed = {
        item.name
        for item in fields
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    }
    makers: dict[str, Make] | None = None

    def instance(value: Any) -> Any:
        nonlocal makers
        if makers is None:
            hints = typing.get_type_hints(kind, include_extras=True)
            makers = {item.name: _maker(hints[item.name]) for item in fields}
        if type(value) is not dict or not needed <= value.keys() <= makers.keys():
            raise Misfit
        try:
            return kind(**{name: makers[name](item) for name, item in value.items()})
        except ValueError as error:  # its own __post_init__; pydantic words it
            raise Misfit from error

    return instance

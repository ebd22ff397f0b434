"""What pydantic finds wrong, said in the words of the file's author: where, what, and how to mend it."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from merge_tool.errors import PlanError
from merge_tool.plan.construct import Misfit, construct

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

    from merge_tool.plan.yaml_source import Key, YamlSource

T = TypeVar("T")

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
}


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the known word most like `name`, or lists the known words where none is like it."""
    words = sorted(known)
    if close := difflib.get_close_matches(name, words, 1, 0.6):
        return f"did you mean {close[0]!r}?"
    return f"known are {', '.join(words)}" if words else "remove it"


@cache
def _adapter(shape: Any) -> TypeAdapter[tuple[Any]]:
    from pydantic import ConfigDict, TypeAdapter

    # pydantic takes no config for a dataclass itself, but a tuple's config reaches the dataclasses in it that have none
    kind: Any = types.GenericAlias(tuple, (shape,))
    return TypeAdapter(kind, config=ConfigDict(extra="forbid"))


def instance(shape: type[T], data: Any) -> T:
    """An instance of the dataclass `shape` made of `data`.

    Raises:
        pydantic.ValidationError: `data` does not fit (a ValueError).
    """
    try:
        return construct(shape, data)
    except Misfit:
        kind: Any = shape
        made: T = _adapter(kind).validate_python((data,))[0]
        return made


def validated(
    shape: type[T], data: Any, source: YamlSource, key: Sequence[str | int], problems: list[PlanError]
) -> T | None:
    """An instance of the dataclass `shape` made of `data`, or None with what is wrong appended to `problems`.

    Args:
        shape: a dataclass whose fields are the known keys.
        data: the value at `key` in `source`, or a part of it.
        source: the file, for places.
        key: where `data` stands in the file.
        problems: gets one error for each thing that is wrong.
    """
    try:
        return instance(shape, data)
    except ValueError as error:
        # only pydantic's has them; it is imported by now, but not where everything fits
        if not hasattr(error, "errors"):
            raise
        problems.extend(explain(typing.cast("ValidationError", error), shape, source, key))
        return None


def explain(
    error: ValidationError, shape: type, source: YamlSource, prefix: Sequence[str | int]
) -> list[PlanError]:
    """One placed `PlanError` for each problem that pydantic found in an instance of `shape` at `prefix`."""
    items = error.errors(include_url=False)
    keys = [_key(item, source, tuple(prefix)) for item in items]
    found: dict[str, PlanError] = {}
    for item, key in zip(items, keys, strict=True):
        # A union reports each of its arms; the arm that got furthest into the value is the one that was meant.
        if any(len(other) > len(key) and other[: len(key)] == key for other in keys):
            continue
        problem = _one(item, key, shape, source, len(prefix))
        found.setdefault(f"{problem.where} {problem.message}", problem)
    return list(found.values())


def _key(item: Mapping[str, Any], source: YamlSource, prefix: Key) -> Key:
    """Where in the file the problem is. Pydantic names the arms of a union as if they were keys; those are left out."""
    key = prefix
    inner = item["loc"][1:]  # without the index into the one-tuple of `validated`
    for index, part in enumerate(inner):
        missing = index == len(inner) - 1 and item["type"] in ("missing", "missing_argument")
        if missing or (*key, part) in source.places:
            key = (*key, part)
    return key


def _one(item: Mapping[str, Any], key: Key, shape: type, source: YamlSource, depth: int) -> PlanError:
    kind, value = item["type"], item.get("input")
    name = str(next((part for part in reversed(key) if isinstance(part, str)), "the document"))
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return source.key_error(
            key, f"{name!r} is not a known key", nearest(name, known_keys(shape, key[depth:-1]))
        )
    if kind in ("missing", "missing_argument"):
        return source.key_error(key[:-1], f"{name!r} is missing", "add it")
    if value is None:
        return source.key_error(key, f"{name!r} has no value", "give it one, or remove the key")
    unquoted = (bool, int, float) if kind == "string_type" else ()
    if isinstance(value, (*unquoted, date)):
        shown = source.raw.get(key, str(value))
        return source.error(
            key, f"{name!r} must be text, but {shown} without quotes is not", f'quote it: "{shown}"'
        )
    if kind in _KINDS:
        hint = (
            f"write [{value}]"
            if _KINDS[kind] == "a list" and isinstance(value, str)
            else f"give {_KINDS[kind]}"
        )
        return source.error(key, f"{name!r} must be {_KINDS[kind]}, not {_told(value)}", hint)
    if kind in ("enum", "literal_error"):
        return source.error(key, f"{name!r}: {_told(value)} is not allowed here", _choices(item, value))
    if kind in ("string_too_short", "too_short"):
        return source.error(
            key, f"{name!r} is empty", "give it a value" if kind == "string_too_short" else "add an entry"
        )
    message = str(item["msg"]).removeprefix("Value error, ")
    return source.error(key, f"{name!r}: {message[:1].lower()}{message[1:]}", f"change {_told(value)}")


def _choices(item: Mapping[str, Any], value: Any) -> str:
    expected = str(item.get("ctx", {}).get("expected", ""))
    words = [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",") if word.strip()]
    close = difflib.get_close_matches(str(value), words, 1, 0.6)
    return (
        f"did you mean {close[0]!r}?"
        if close
        else f"allowed are {', '.join(word or 'empty' for word in words)}"
    )


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def known_keys(shape: Any, inner: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that the dataclass at `inner`, seen from `shape`, knows; empty where any key is allowed."""
    here: Any = shape
    for part in inner:
        here = _step(_plain(here), part)
    here = _plain(here)
    return tuple(item.name for item in dataclasses.fields(here)) if dataclasses.is_dataclass(here) else ()


def _plain(here: Any) -> Any:
    """The type without `Annotated` and `| None`."""
    while typing.get_origin(here) is typing.Annotated:
        here = typing.get_args(here)[0]
    if typing.get_origin(here) in (types.UnionType, typing.Union):
        arms = [_plain(arm) for arm in typing.get_args(here)]
        return next((arm for arm in arms if dataclasses.is_dataclass(arm) or typing.get_origin(arm)), arms[0])
    return here


def _step(here: Any, part: str | int) -> Any:
    if dataclasses.is_dataclass(here) and isinstance(here, type):
        return typing.get_type_hints(here, include_extras=True).get(str(part))
    args = typing.get_args(here)
    return args[-1] if typing.get_origin(here) is dict and args else args[0] if args else None

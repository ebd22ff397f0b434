"""Values as the database keeps them: text that any database takes, times as ISO 8601, outcomes as JSON."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from merge_tool.errors import StateError
from merge_tool.model.outcome import Outcome

# A path of git may hold bytes that are not UTF-8 (lone surrogates here), and a message may hold NUL: SQLite refuses the
# former, PostgreSQL both. Each becomes SUBSTITUTE and four hex digits, and so does SUBSTITUTE itself.
_MARK = "\x1a"
_AWKWARD = re.compile("[\x00\x1a\ud800-\udfff]")
_MARKED = re.compile("\x1a([0-9a-f]{4})")


def to_text(value: str) -> str:
    """`value` as text that every database takes; `from_text` gives it back unchanged."""
    return _AWKWARD.sub(lambda match: f"{_MARK}{ord(match[0]):04x}", value)


def from_text(value: str) -> str:
    """What `to_text` was given."""
    return _MARKED.sub(lambda match: chr(int(match[1], 16)), value) if _MARK in value else value


def to_time(value: datetime) -> str:
    """An aware time as text that sorts by time: `2026-01-03T12:00:00.000000+00:00`."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def from_time(value: str) -> datetime:
    """What `to_time` was given, in UTC."""
    return datetime.fromisoformat(value).astimezone(UTC)


def outcome_to_json(outcome: Outcome) -> str:
    """An outcome as one line of ASCII JSON; fields at their defaults are left out."""
    return json.dumps(_plain(outcome), separators=(",", ":"))


def outcome_from_json(text: str) -> Outcome:
    """What `outcome_to_json` was given. Fields that a newer version added are passed over.

    Raises:
        StateError: it is no such text.
    """
    try:
        value = _reader(Outcome)(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StateError(
            f"a recorded outcome cannot be read: {error!r}",
            hint="the store was changed by hand; merge-tool abort ends the run",
        ) from error
    assert isinstance(value, Outcome)
    return value


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((item, getattr(value, item.name)) for item in fields(value))
        return {item.name: _plain(inner) for item, inner in pairs if inner != item.default}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return (
        to_text(value) if isinstance(value, str) else value
    )  # JSON would join two lone surrogates to one character


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What makes a value of `kind` from plain JSON."""
    origin = get_origin(kind)
    if origin is tuple:
        inner = _reader(get_args(kind)[0])
        return lambda data: tuple(inner(item) for item in data)
    if origin in (Union, types.UnionType):
        inner = _reader(next(item for item in get_args(kind) if item is not type(None)))
        return lambda data: None if data is None else inner(data)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        readers = {item.name: _reader(hints[item.name]) for item in fields(kind)}
        return lambda data: kind(
            **{name: readers[name](item) for name, item in data.items() if name in readers}
        )
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if kind in (str, int, float, bool):
        return _checked(kind)
    raise TypeError(f"outcomes do not hold {kind}")


def _checked(kind: type) -> Callable[[Any], Any]:
    def check(data: Any) -> Any:
        if not isinstance(data, kind):
            raise TypeError(f"{data!r} is no {kind.__name__}")
        return from_text(data) if isinstance(data, str) else data

    return check

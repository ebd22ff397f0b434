"""Gives old keys without a tenant their new names: one atomic RENAMENX a key, which keeps type, value and time to live, and overwrites nothing.

A run that was cut off is simply done again: what was renamed is no old key any more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from merge_tool.database.keys.scan import connected, each_key
from merge_tool.database.keys.templates import shapes_of
from merge_tool.errors import UserError
from merge_tool.model.policy import Policy

_PLACE = re.compile(r"\{(\w+)\}")
_HINT = "such as 'cart:{user_id}=cart:{bot_id}:{user_id}'"
SAMPLES = 20


@dataclass(frozen=True, slots=True)
class KeyMapping:
    """One way from old names to new ones. `old` has a group for each place; `new` is a template."""

    text: str
    old: re.Pattern[str]
    new: str
    places: tuple[str, ...]


@dataclass(slots=True)
class Moves:
    """What a migration did, or would do.

    Attributes:
        renamed: how many by mapping; `samples` are pairs of old and new names.
        taken: old keys whose new name is another key already; left as they are.
        unknown: old keys of which nothing says the tenant; left too.
        unmapped: keys without a tenant that no mapping is about.
    """

    seen: int = 0
    renamed: dict[str, int] = field(default_factory=dict)
    samples: list[tuple[str, str]] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    unmapped: int = 0

    @property
    def left(self) -> int:
        """How many old keys stay without a tenant."""
        return len(self.taken) + len(self.unknown) + len(self.failed) + self.unmapped


def read_mapping(text: str, policy: Policy) -> KeyMapping:
    """A mapping `OLD=NEW`, both with places in braces; the new name must hold the tenant's.

    Raises:
        UserError: it is none.
    """
    old, sign, new = text.partition("=")
    if not sign or not old or not new:
        raise UserError(f"{text!r} is no mapping OLD=NEW", hint=_HINT)
    own = {policy.column, policy.parameter, "tenant"}
    places = tuple(dict.fromkeys(_PLACE.findall(old)))
    wanted = set(_PLACE.findall(new))
    if not own & wanted:
        raise UserError(f"the new name {new!r} holds no tenant", hint=_HINT)
    if lost := [name for name in places if name not in wanted and name not in own]:
        raise UserError(f"the new name {new!r} loses {{{lost[0]}}}: two keys would become one", hint=_HINT)
    if unknown := sorted(wanted - own - set(places)):
        raise UserError(f"the old name {old!r} has no {{{unknown[0]}}}", hint=_HINT)
    parts, at, seen = [], 0, set()
    for match in _PLACE.finditer(old):
        parts.append(re.escape(old[at : match.start()]))
        at = match.end()
        last = ".+" if at == len(old) else "[^:]+"
        parts.append(f"(?P={match[1]})" if match[1] in seen else f"(?P<{match[1]}>{last})")
        seen.add(match[1])
    parts.append(re.escape(old[at:]))
    return KeyMapping(text, re.compile("".join(parts), re.DOTALL), new, places)


def read_lookup(path: Path) -> dict[str, dict[str, str]]:
    """Tenants by the value of a place, from a CSV file whose first line names the place and the tenant: `user_id,bot_id`.

    Raises:
        UserError: the file cannot be read, or has no two columns.
    """
    import csv

    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"the lookup cannot be read: {error}", where=str(path)) from error
    if not rows or any(len(row) != 2 for row in rows if row):
        raise UserError(
            "a lookup has two columns", where=str(path), hint="the first line names them: user_id,bot_id"
        )
    return {rows[0][0].strip(): {row[0].strip(): row[1].strip() for row in rows[1:] if row}}


def migrate_keys(
    url: str, policy: Policy, mappings: Sequence[KeyMapping], *, tenant: str = "", lookup: Mapping[str, Mapping[str, str]] | None = None,
    write: bool = False, match: str = "*", batch: int = 500, rate: float = 0, say: Callable[[int], None] | None = None,
) -> Moves:  # fmt: skip
    """Renames each key without a tenant that a mapping is about; without `write` only says what it would do.

    Args:
        mappings: the first that fits a key is taken.
        tenant: the tenant of keys of which the lookup says none.
        lookup: tenants by the value of a place.

    Raises:
        UserError: the server cannot be reached, or a new name would not be one that the policy takes for a tenant's.
    """
    shapes = shapes_of(policy)
    own = {policy.column, policy.parameter, "tenant"}
    moves = Moves()
    with connected(url) as client:
        # All names first: a scan need not give, or spare, keys that come while it runs.
        old = [raw for raw in each_key(client, match, batch, rate) if not shapes.tenant(_text(raw))]
        for raw in old:
            moves.seen += 1
            if say is not None and moves.seen % 1000 == 0:
                say(moves.seen)
            key = _text(raw)
            if shapes.is_shared(key):
                continue
            fitting = next(((item, found) for item in mappings if (found := item.old.fullmatch(key))), None)
            if fitting is None:
                moves.unmapped += 1
                continue
            mapping, found = fitting
            of = _tenant(found.groupdict(), own, lookup or {}) or tenant
            if not of:
                moves.unknown.append(key)
                continue
            values = {**found.groupdict(), **dict.fromkeys(own, of)}
            new = _PLACE.sub(lambda place, values=values: values[place[1]], mapping.new)  # type: ignore[misc]
            if shapes.tenant(new) != of:
                raise UserError(
                    f"{new!r} is no key of tenant {of} by the policy's templates",
                    hint=f"mend the mapping, or keys.templates of the policy {policy.name}",
                )
            _move(client, raw, new, mapping, moves, write=write)
    return moves


def _move(client: Any, raw: bytes, new: str, mapping: KeyMapping, moves: Moves, *, write: bool) -> None:
    import redis

    target, key = new.encode("utf-8", "surrogateescape"), _text(raw)
    try:
        done = client.renamenx(raw, target) if write else not client.exists(target)
    except redis.ResponseError as error:
        text = str(error)
        if "no such key" in text:
            return  # it expired, or somebody took it away: nothing is left to do
        why = (
            "its new name lies on another node of the cluster"
            if "CROSSSLOT" in text or "same slot" in text
            else text
        )
        moves.failed.append((key, why))
        return
    if not done:
        moves.taken.append((key, new))
        return
    moves.renamed[mapping.text] = moves.renamed.get(mapping.text, 0) + 1
    if len(moves.samples) < SAMPLES:
        moves.samples.append((key, new))


def _tenant(values: Mapping[str, str], own: set[str], lookup: Mapping[str, Mapping[str, str]]) -> str:
    for name, value in values.items():
        if name in own:
            return value
        if found := lookup.get(name, {}).get(value):
            return found
    return ""


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def looked_up(rows: Sequence[Sequence[bytes | None]], place: str) -> dict[str, dict[str, str]]:
    """A lookup from the two columns of a query's rows."""
    return {place: dict(_pairs(rows))}


def _pairs(rows: Sequence[Sequence[bytes | None]]) -> Iterator[tuple[str, str]]:
    for row in rows:
        if len(row) != 2:
            raise UserError(
                f"the lookup's query gives {len(row)} columns, not two",
                hint="such as SELECT id, bot_id FROM users",
            )
        if row[0] is not None and row[1] is not None:
            yield row[0].decode(), row[1].decode()

"""Shapes of keys: which key holds its tenant, and of which family one is."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from merge_tool.model.policy import Policy

_PLACE = re.compile(r"\{(\w+)\}")
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
# A part of a key that is an id rather than a name.
_ID = re.compile(rf"-?\d+(?:\.\d+)?|{_UUID}|[0-9a-fA-F]{{16,}}|\S+@\S+|(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{{20,}}")
_SPLIT = re.compile(r"([:/|.{}])")
_DIGITS = ("int", "integer", "bigint")


@dataclass(frozen=True, slots=True)
class KeyShapes:
    """What keys of a policy look like.

    Attributes:
        templates: patterns of keys with a group `tenant`.
        shared: patterns of keys that belong to no tenant.
        tenants: the tenants that there are; empty: any is taken for one.
    """

    templates: tuple[re.Pattern[str], ...]
    shared: tuple[str, ...]
    tenants: frozenset[str] = frozenset()

    def tenant(self, key: str) -> str:
        """The tenant in a key, or ""."""
        for pattern in self.templates:
            found = pattern.fullmatch(key)
            if found and (not self.tenants or found["tenant"] in self.tenants):
                return found["tenant"]
        return ""

    def is_shared(self, key: str) -> bool:
        """Whether the policy calls the key global."""
        return any(fnmatchcase(key, item) for item in self.shared)


def shapes_of(policy: Policy, tenants: Collection[str] = ()) -> KeyShapes:
    """The shapes that a policy's `keys.templates` and `keys.global_keys` give."""
    return KeyShapes(
        tuple(template(item, policy) for item in policy.keys.templates),
        policy.keys.global_keys,
        frozenset(tenants),
    )


def template(text: str, policy: Policy) -> re.Pattern[str]:
    """A template as a pattern: the tenant's place, one part of the key for each other place, at the end the rest."""
    own = {policy.column, policy.parameter, "tenant"}
    tenant = r"\d+" if policy.parameter_type.lower() in _DIGITS else r"[^:\s*]+"
    parts, seen, at = [], False, 0
    for match in _PLACE.finditer(text):
        parts.append(_plain(text[at : match.start()]))
        at = match.end()
        if match[1] in own:
            parts.append("(?P=tenant)" if seen else f"(?P<tenant>{tenant})")
            seen = True
        else:
            parts.append(".+" if at == len(text) else "[^:]+")
    parts.append(_plain(text[at:]))
    return re.compile("".join(parts) if seen else rf"(?!)(?P<tenant>){''.join(parts)}", re.DOTALL)


def _plain(text: str) -> str:
    return ".*".join(map(re.escape, text.split("*")))


def family(key: str) -> str:
    """The key with `*` for its ids: `cart:123` and `cart:7` are of `cart:*`."""
    parts = _SPLIT.split(key)
    return "".join(
        "*" if at % 2 == 0 and part and _ID.fullmatch(part) else part for at, part in enumerate(parts)
    )

"""A transform that base and fork suggest, with what speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Proposal:
    """One systematic change that the fork seems to have made.

    Attributes:
        kind: `rename`, `suffix`, `parameter`, `argument`, `predicate`, `key-prefix`, `comments`.
        what: it in words.
        applied: in how many places the fork made it.
        could: in how many places it could have been made.
        transform: what a policy would say under `transforms`; empty where no transform makes it by itself.
        note: what else there is to know.
    """

    kind: str
    what: str
    applied: int
    could: int
    transform: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def precision(self) -> float:
        """Of the places where it could apply, the share in which it did."""
        return self.applied / self.could if self.could else 0.0

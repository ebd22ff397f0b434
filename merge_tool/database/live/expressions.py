"""Reads the expression of a row-level security policy: does it hold rows to the session's tenant, and does it read the tenant safely?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

_SETTING = re.compile(
    r"current_setting\s*\(\s*E?'([^']+)'(?:::\w+)?\s*(,\s*(?:true|'t(?:rue)?'))?", re.IGNORECASE
)
_TEXTS = ("TEXT", "VARCHAR", "CHAR", "NAME", "BPCHAR")


class Holds(StrEnum):
    """Whether an expression holds rows to one tenant."""

    PINNED = "pinned"
    OPEN = "open"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """What an expression comes to.

    Attributes:
        variables: the session variables that it takes the tenant from.
        fragile: what is unsafe in how it reads them, as ends of a sentence.
        why: what leaves it open or undecided.
    """

    holds: Holds
    variables: tuple[str, ...] = ()
    fragile: tuple[str, ...] = ()
    why: str = ""


def read_expression(text: str, column: str, functions: Mapping[str, str]) -> Reading:
    """Reads a policy's USING or WITH CHECK.

    Args:
        text: as pg_get_expr prints it.
        column: the tenant column.
        functions: the bodies of the database's own functions, by bare name in lower case.
    """
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(text, dialect="postgres")
    except (SqlglotError, RecursionError):
        tenant = column in text and "current_setting" in text
        return Reading(Holds.UNKNOWN, why="it cannot be taken apart" if tenant else "it cannot be read")
    reader = _Reader(column.lower(), functions)
    holds, why = reader.holds(tree)
    variables, fragile = reader.settings(tree)
    return Reading(holds, variables, fragile, why)


class _Reader:
    """Walks one expression; see `read_expression`."""

    def __init__(self, column: str, functions: Mapping[str, str]) -> None:
        self.column = column
        self.functions = functions

    def holds(self, node: Expr) -> tuple[Holds, str]:
        """Whether `node` being true means that the row is the tenant's, and what speaks against it."""
        from sqlglot import exp

        if isinstance(node, exp.Paren):
            return self.holds(node.this)
        if isinstance(node, exp.And):
            return self._one_of(self.holds(node.left), self.holds(node.right))
        if isinstance(node, exp.Or):
            return self._both(self.holds(node.left), self.holds(node.right))
        if isinstance(node, exp.EQ):
            for own, other in ((node.left, node.right), (node.right, node.left)):
                if self._is_column(own) and not self._names_column(other) and self._is_tenant(other):
                    return Holds.PINNED, ""
        if (
            self._is_column(getattr(node, "this", None))
            and isinstance(node, exp.In)
            and self._is_tenant(node)
        ):
            return Holds.PINNED, ""
        shown = node.sql(dialect="postgres")[:120]
        if isinstance(node, exp.Boolean):
            return Holds.OPEN, f"it says {shown}"
        if node.find(exp.Subquery, exp.Exists, exp.Select):
            return Holds.UNKNOWN, f"it asks another table: {shown}"
        if any(not self._tenant_call(call) for call in node.find_all(exp.Anonymous)) and not isinstance(
            node, exp.Is
        ):
            return Holds.UNKNOWN, f"it calls a function: {shown}"
        return Holds.OPEN, f"it lets rows through where {shown}"

    @staticmethod
    def _one_of(one: tuple[Holds, str], two: tuple[Holds, str]) -> tuple[Holds, str]:
        for wanted in (Holds.PINNED, Holds.UNKNOWN):
            for item in (one, two):
                if item[0] is wanted:
                    return item
        return one

    @staticmethod
    def _both(one: tuple[Holds, str], two: tuple[Holds, str]) -> tuple[Holds, str]:
        for wanted in (Holds.OPEN, Holds.UNKNOWN):
            for item in (one, two):
                if item[0] is wanted:
                    return item
        return one

    def settings(self, tree: Expr) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The session variables that are read, and what is unsafe about it."""
        from sqlglot import exp

        variables: dict[str, None] = {}
        fragile: dict[str, None] = {}
        for call in tree.find_all(exp.Anonymous):
            name = str(call.this).lower()
            if name == "current_setting":
                args = call.expressions
                literal = args[0].find(exp.Literal) if args else None
                variables[str(literal.this) if literal is not None else "?"] = None
                self._judge(
                    fragile,
                    missing_ok=len(args) > 1 and args[1].sql().lower() in ("true", "'true'", "'t'"),
                    nullif=call.find_ancestor(exp.Nullif) is not None or not self._cast(call),
                )
                self._fallback(fragile, call)
            elif body := self.functions.get(name):
                for found in _SETTING.finditer(body):
                    variables[found[1]] = None
                    casts = re.search(r"::\s*(?!text|varchar)\w|\bcast\s*\(", body, re.IGNORECASE) is not None
                    self._judge(
                        fragile,
                        missing_ok=bool(found[2]),
                        nullif="nullif" in body.lower() or not casts,
                        where=f"{name}() ",
                    )
        return tuple(variables), tuple(fragile)

    @staticmethod
    def _judge(fragile: dict[str, None], *, missing_ok: bool, nullif: bool, where: str = "") -> None:
        if not missing_ok:
            fragile[
                f"{where}reads current_setting without missing_ok: a session that never set it gets an error"
            ] = None
        if not nullif:
            fragile[
                f"{where}casts the setting without nullif(…, ''): once it was used it reads '', and the cast fails"
            ] = None

    @staticmethod
    def _fallback(fragile: dict[str, None], call: Expr) -> None:
        from sqlglot import exp

        coalesce = call.find_ancestor(exp.Coalesce)
        if coalesce is not None and any(
            not isinstance(item, exp.Null) and not item.find(exp.Column) and not item.find(exp.Anonymous)
            for item in coalesce.expressions
        ):
            fragile[f"falls back to a fixed tenant: {coalesce.sql(dialect='postgres')[:80]}"] = None

    @staticmethod
    def _cast(call: Expr) -> bool:
        """Whether what the call gives is turned into something that '' is not."""
        from sqlglot import exp

        cast = call.find_ancestor(exp.Cast, exp.EQ)
        return isinstance(cast, exp.Cast) and cast.to.this.name not in _TEXTS

    def _is_column(self, node: Expr | None) -> bool:
        from sqlglot import exp

        while isinstance(node, exp.Paren | exp.Cast):
            node = node.this
        return isinstance(node, exp.Column) and node.name.lower() == self.column

    def _names_column(self, node: Expr) -> bool:
        from sqlglot import exp

        return any(item.name.lower() == self.column for item in node.find_all(exp.Column))

    def _is_tenant(self, node: Expr) -> bool:
        from sqlglot import exp

        return any(self._tenant_call(call) for call in node.find_all(exp.Anonymous))

    def _tenant_call(self, call: Expr) -> bool:
        name = str(call.this).lower()
        return name == "current_setting" or bool(_SETTING.search(self.functions.get(name, "")))


def bodies(functions: Mapping[str, str]) -> dict[str, str]:
    """The bodies by bare lower-case name, those that call another one of them with its body behind theirs."""
    plain = {name.rpartition(".")[2].lower(): body for name, body in functions.items()}
    return {
        name: body
        + "".join(
            f"\n{other}" for called, other in plain.items()
            if called != name and re.search(rf"\b{re.escape(called)}\s*\(", body, re.IGNORECASE)
        )
        for name, body in plain.items()
    }  # fmt: skip

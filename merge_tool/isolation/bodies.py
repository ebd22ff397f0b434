"""Invents the body of a request from the fields of its Pydantic model."""

from __future__ import annotations

import re

from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.inventing import Inventor, in_list, needs_value
from merge_tool.isolation.model import Expression
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, Parameter
from merge_tool.rulekit.values import Call, Const, Item, Items, Logic, Ref, Value

_ROOTS = frozenset(("BaseModel", "SQLModel", "RootModel", "CamelModel"))
_JSON_TIMES = {
    "datetime": "NOW.isoformat()",
    "date": "NOW.date().isoformat()",
    "timedelta": "60",
    "Decimal": "1",
}
_DEPTH = 4


class BodyMaker:
    """Makes bodies for the routes of one project."""

    def __init__(self, index: ProjectIndex, inventor: Inventor) -> None:
        self._index = index
        self._inventor = inventor

    def body(self, function: FunctionFacts, parameter: Parameter, qualified: str) -> Expression | str | None:
        """The body that a parameter takes, as a dict's text; why there is none; or None where it is no body."""
        if not self._is_schema(qualified):
            return None
        return self._record(function, parameter.name, qualified, _DEPTH)

    def _is_schema(self, qualified: str) -> bool:
        bases = self._index.types.bases(qualified) if qualified else ()
        return (
            any(base.rpartition(".")[2] in _ROOTS for base in bases[1:])
            and self._index.find_class(qualified) is not None
        )

    def _record(
        self, function: FunctionFacts | None, name: str, qualified: str, depth: int
    ) -> Expression | str:
        made = Expression("")
        parts = []
        seen: set[str] = set()
        for base in self._index.types.bases(qualified):
            facts = self._index.find_class(base)
            for field, annotation in facts.fields.items() if facts is not None else ():
                if field in seen or field.startswith("_") or field == "model_config":
                    continue
                seen.add(field)
                assert facts is not None  # it has fields
                default = facts.attributes.get(field)
                if default is not None and not (
                    isinstance(default, Call) and default.name == "Field" and needs_value(default, annotation)
                ):
                    continue
                found = self._field(facts, function, name, field, annotation, default, depth)
                if isinstance(found, str):
                    return f"{name}.{found}"
                made.names |= found.names
                made.own_only |= found.own_only
                for model, columns in found.rows.items():
                    made.rows.setdefault(model, {}).update(columns)
                alias = (
                    default.argument(99, "alias", "validation_alias") if isinstance(default, Call) else None
                )
                key = alias.value if isinstance(alias, Const) and isinstance(alias.value, str) else field
                parts.append(f'"{key}": {found.text}')
        made.text = "{" + ", ".join(parts) + "}"
        return made

    def _field(
        self, owner: ClassFacts, function: FunctionFacts | None, name: str, field: str, annotation: Value, default: Value | None, depth: int
    ) -> Expression | str:  # fmt: skip
        if function is not None:
            made = self._inventor.of_column(function, f"{name}.{field}")
            if made is not None and (not made.any_does or _kind(annotation) == "str"):
                return in_list(made, annotation)
        where = self._index.modules[owner.path].top
        qualified = self._inventor.type_of(where, annotation)
        if self._is_schema(qualified):
            if depth == 0:
                return f"{field}: its model holds itself"
            inner = self._record(None, field, qualified, depth - 1)
            if isinstance(inner, str):
                return inner
            if _is_list(annotation):
                inner.text = f"[{inner.text}]"
            return inner
        by_name = self._inventor.by_name(where, field)
        if by_name is not None:
            return by_name
        plain = self._inventor.plain(where, annotation, field)
        if isinstance(plain, str):
            return plain
        return self._as_json(plain, annotation, field, default)

    def _as_json(self, made: Expression, annotation: Value, field: str, default: Value | None) -> Expression:
        """The value as JSON has it, within the bounds of `Field(…)`."""
        kind = _kind(annotation)
        if kind in _JSON_TIMES:
            return Expression(_JSON_TIMES[kind])
        if kind == "UUID":
            return Expression("str(uuid4())", {"uuid.uuid4"})
        if made.text == 'b"data"':
            return Expression('"data"')
        if made.names and "." in made.text and not made.text.startswith("owner"):
            return Expression(f"{made.text}.value", made.names)
        if made.text in ("1", "1.0"):
            low = _number(default, "ge", 0) or (
                _number(default, "gt", 0) + 1 if _number(default, "gt", 0) else 0
            )
            if low:
                return Expression(str(low))
            named = ("amount", "price", "sum", "total")
            return Expression(
                str(_number(default, "le", 1000)) if any(word in field for word in named) else made.text
            )
        if made.text == '"text"':
            choice = _pattern_choice(default)
            if choice:
                return Expression(f'"{choice}"')
            text = (
                "someone@example.org"
                if "email" in field
                else "https://example.org/"
                if field.endswith(("url", "uri"))
                else "text"
            )
            least = _number(default, "min_length", 0)
            return Expression(repr(text if len(text) >= least else (text * least)[:least]).replace("'", '"'))
        return made


def _pattern_choice(default: Value | None) -> str:
    """The first of the words that a pattern such as `^(low|high)$` allows; "" where it is no such pattern."""
    found = default.argument(99, "pattern", "regex") if isinstance(default, Call) else None
    text = found.value if isinstance(found, Const) and isinstance(found.value, str) else ""
    match = re.fullmatch(r"\^?\(?\??:?(\w+)(?:\|\w+)*\)?\$?", text)
    return match[1] if match else ""


def _number(default: Value | None, key: str, otherwise: int) -> int:
    found = default.argument(99, key) if isinstance(default, Call) else None
    return found.value if isinstance(found, Const) and isinstance(found.value, int) else otherwise


def _is_list(annotation: Value) -> bool:
    return (
        isinstance(annotation, Item)
        and isinstance(annotation.base, Ref)
        and annotation.base.last.lower() in ("list", "sequence", "set")
    )


def _kind(annotation: Value) -> str:
    """The last part of the type's name, `Optional` taken off."""
    if isinstance(annotation, Logic):
        kinds = [item for item in annotation.items if not (isinstance(item, Const) and item.value is None)]
        return _kind(kinds[0]) if kinds else ""
    if isinstance(annotation, Item) and isinstance(annotation.base, Ref):
        if annotation.base.last in ("Optional", "Annotated", "Union"):
            inner = (
                annotation.key.items[0]
                if isinstance(annotation.key, Items) and annotation.key.items
                else annotation.key
            )
            return _kind(inner)
        return annotation.base.last
    return annotation.last if isinstance(annotation, Ref) else ""

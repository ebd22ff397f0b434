"""Invents the argument for a parameter: a value of a row, the session, the tenant, or a plain value of its type."""

from __future__ import annotations

import re

from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.model import Expression, Origin
from merge_tool.isolation.origins import all_values, conditions, origins
from merge_tool.isolation.places import is_away
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, Parameter
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.values import Attr, Call, Const, Item, Items, Logic, Ref, Root, Value, walk

SESSIONS = frozenset(("AsyncSession", "Session", "async_scoped_session", "scoped_session", "AsyncDBSession"))
_SESSION_NAMES = frozenset(("db", "session", "db_session", "dbsession", "async_session"))
_TEXTS = {
    "int": "1", "float": "1.0", "str": '"text"', "bool": "True", "bytes": 'b"data"', "dict": "{}", "Dict": "{}", "Mapping": "{}",
    "list": "[]", "List": "[]", "Sequence": "[]", "Iterable": "[]", "set": "set()", "tuple": "()", "Any": '"text"', "object": '"text"',
    "datetime": "world_now()", "date": "world_now().date()", "timedelta": "timedelta(days=1)", "Decimal": "Decimal(1)",
    "EmailStr": '"someone@example.org"', "HttpUrl": '"https://example.org/"', "AnyHttpUrl": '"https://example.org/"', "SecretStr": '"text"',
}  # fmt: skip
_ENUMS = frozenset(("Enum", "StrEnum", "IntEnum", "Flag", "IntFlag"))


def is_session(parameter: Parameter) -> bool:
    """Whether a parameter takes the session of the database."""
    kind = parameter.annotation
    if kind is not None:
        return any(isinstance(item, Ref) and item.last in SESSIONS for item in walk(kind))
    return parameter.name in _SESSION_NAMES


def is_optional(annotation: Value | None) -> bool:
    """Whether a type takes None."""
    if isinstance(annotation, Logic):
        return any(isinstance(item, Const) and item.value is None for item in annotation.items)
    if isinstance(annotation, Item) and isinstance(annotation.base, Ref):
        inner = annotation.key.items if isinstance(annotation.key, Items) else (annotation.key,)
        if annotation.base.last == "Optional":
            return True
        return annotation.base.last in ("Annotated", "Union") and any(
            is_optional(item) or (isinstance(item, Const) and item.value is None) for item in inner
        )
    return False


def in_list(made: Expression, annotation: Value | None) -> Expression:
    """A value as the one item of a list, where the type is one."""
    if isinstance(annotation, Item) and isinstance(annotation.base, Ref):
        if annotation.base.last in ("Optional", "Annotated"):
            inner = (
                annotation.key.items[0]
                if isinstance(annotation.key, Items) and annotation.key.items
                else annotation.key
            )
            return in_list(made, inner)
        if annotation.base.last.lower() in ("list", "sequence", "set", "iterable", "collection"):
            made.text = f"[{made.text}]"
    return made


def needs_value(default: Call, annotation: Value | None) -> bool:
    """Whether `Query(…)`, `Body(…)` or `Field(…)` gives no default. The facts hold `...` as None, so the type decides."""
    if default.argument(99, "default_factory") is not None:
        return False
    first = default.argument(0, "default")
    return first is None or (isinstance(first, Const) and first.value is None and not is_optional(annotation))


class Inventor:
    """Makes arguments for the functions of one project."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._policy = index.policy

    def argument(
        self, function: FunctionFacts, parameter: Parameter, tenant: str = "FIRST"
    ) -> Expression | str:
        """The argument for a parameter, or why there is none.

        Args:
            tenant: the text that stands for the tenant.
        """
        if is_session(parameter):
            return Expression("db")
        if parameter.name in (self._policy.parameter, self._policy.column):
            return Expression(tenant)
        kind = self.type_of(function, parameter.annotation)
        model = self._index.models.find(kind) if kind else None
        if model is not None and not model.is_table:
            if not self.is_own(model):
                return f"{parameter.name}: a {model.name} belongs to no tenant"
            return Expression(f"{{load}}owner.load(db, {model.name})", {model.qualified}, own_only=True)
        made = self.of_column(function, parameter.name)
        if made is not None:
            return in_list(made, parameter.annotation)
        return self.plain(function, parameter.annotation, parameter.name)

    def is_own(self, model: Model) -> bool:
        """Whether a tenant has rows of its own of a model: by the column, or because they point at such a row."""
        if is_away(model.path):  # a revision's picture of a table
            return False
        if self._index.models.is_tenant(model):
            return True
        tables = (self._index.models.by_table.get(name) for name in model.foreign_keys.values())
        return any(item is not None and self._index.models.is_tenant(item) for item in tables)

    def of_column(self, function: FunctionFacts, name: str) -> Expression | None:
        """The value of a row's column that a name is compared with or stored in."""
        found = [item for item in origins(self._index, function, name) if self.is_own(item.model)]
        found = [item for item in found if item.column != self._policy.column]
        looked = [item for item in found if item.how == "equal"]
        for item in found:
            if (
                item.how == "stored"
                and not item.wraps
                and item.column not in item.model.foreign_keys
                and self._unique(item)
            ):
                return self._fresh(item)
        if looked:
            return self._from_row(looked[0])
        for item in found:
            if item.column in item.model.foreign_keys or not item.wraps:
                made = self._from_row(item)
                made.any_does = item.column not in item.model.foreign_keys
                return made
        return self.by_name(function, name)

    def _fresh(self, item: Origin) -> Expression:
        """A value that no row of the first tenant has; the second's row has another than the first's."""
        model = item.model
        rows = {model.qualified: {item.column: "differ"}}
        return Expression(f'owner.fresh({model.name}, "{item.column}")', {model.qualified}, rows)

    def _makes(self, function: FunctionFacts, wanted: Model, depth: int = 3) -> bool:
        """Whether a function, or one that it calls, makes a row of a model."""
        for call in function.calls:
            if (
                self._index.models.find(self._index.callee_name(function.path, function, call) or "?")
                is wanted
            ):
                return True
            callee = self._index.callee(function.path, function, call) if depth else None
            if callee is not None and callee is not function and self._makes(callee, wanted, depth - 1):
                return True
        return False

    def _from_row(self, item: Origin) -> Expression:
        if not item.wraps:
            return Expression(
                f"owner[{item.model.name}].{item.column}", {item.model.qualified}, self._filled(item)
            )
        names = {item.model.qualified}
        if len(item.wraps) == 1:
            wrap = item.wraps[0]
            value = f"str{wrap}" if wrap.startswith(".") else wrap.rpartition(".")[2]
            if not wrap.startswith("."):
                names.add(wrap)
        else:
            value = "text"
            for wrap in item.wraps:
                value = f"{value}{wrap}()" if wrap.startswith(".") else f"{wrap.rpartition('.')[2]}({value})"
                if not wrap.startswith("."):
                    names.add(wrap)
            value = f"lambda text: {value}"
        rows = {item.model.qualified: {item.column: value}}
        return Expression(f"owner.given({item.model.name}).{item.column}", names, rows)

    def _filled(self, item: Origin) -> dict[str, dict[str, str]]:
        """What makes the looked-up column hold something: a self reference points at its own row, a nullable one is not left empty."""
        target = item.model.foreign_keys.get(item.column)
        if target == item.model.table:
            return {item.model.qualified: {item.column: "OWN_ID"}}
        return {}

    def _unique(self, item: Origin) -> bool:
        for table in self._index.schema():
            if table.table == item.model.table:
                name = item.model.columns[item.column]
                column = table.columns.get(name)
                keyed = any(
                    name in key.columns and (key.unique or key.kind in ("unique", "primary"))
                    for key in table.keys
                )
                return keyed or (column is not None and (column.unique or column.primary))
        return False

    def by_name(self, function: FunctionFacts, name: str) -> Expression | None:
        """`user_id` is the id of a User, whatever becomes of it."""
        parts = words(name)
        if len(parts) < 2 or parts[-1] not in ("id", "uuid", "pk"):
            return None
        wanted = parts[:-1]
        for model in self._index.all_models():
            same = words(model.name) == wanted or model.table in ("_".join(wanted), "_".join(wanted) + "s")
            if same and not model.is_table and self.is_own(model) and len(model.primary) == 1:
                return Expression(f"owner[{model.name}].{model.primary[0]}", {model.qualified})
        return None

    def type_of(self, function: FunctionFacts, annotation: Value | None) -> str:
        """The absolute name of an annotation's type, an alias (`CurrentUser = Annotated[User, …]`) followed; "" where it has none."""
        if annotation is None:
            return ""
        if isinstance(annotation, Ref):
            module, inside = self._index.names.split(
                self._index.resolve(function.path, annotation.dotted, function)
            )
            alias = module.top.variables.get(inside) if module is not None and inside else None
            if module is not None and isinstance(alias, Item):
                return self._index.types.annotated(module.path, module.top, alias)
        return self._index.types.annotated(function.path, function, annotation)

    def plain(self, function: FunctionFacts, annotation: Value | None, name: str) -> Expression | str:
        """A value of a type that needs no row, or why there is none."""
        if annotation is None:
            return f"{name}: it has no annotation, and no row has such a value"
        if isinstance(annotation, Const) and isinstance(annotation.value, str):
            annotation = Ref(annotation.value.removeprefix("Optional[").removesuffix("]"))
        if isinstance(annotation, Logic):
            kinds = [
                item for item in annotation.items if not (isinstance(item, Const) and item.value is None)
            ]
            return self.plain(function, kinds[0] if kinds else None, name)
        if isinstance(annotation, Item) and isinstance(annotation.base, Ref):
            inner = (
                annotation.key.items[0]
                if isinstance(annotation.key, Items) and annotation.key.items
                else annotation.key
            )
            if annotation.base.last in ("Optional", "Annotated", "Union", "Final"):
                return self.plain(function, inner, name)
            if annotation.base.last == "Literal" and isinstance(inner, Const):
                return Expression(repr(inner.value))
            annotation = annotation.base
        kind = annotation.last if isinstance(annotation, Ref) else ""
        if kind in ("UUID", "UUID1", "UUID3", "UUID4", "UUID5", "UUID6", "UUID7"):
            return Expression("uuid4()", {"uuid.uuid4"})
        if kind in _TEXTS:
            text = _TEXTS[kind]
            names = (
                {f"{'decimal' if kind == 'Decimal' else 'datetime'}.{kind}"}
                if kind in ("timedelta", "Decimal")
                else set()
            )
            return Expression(text.replace("world_now()", "NOW"), names)
        qualified = self.type_of(function, annotation)
        member = self.enum_member(qualified)
        if member:
            return Expression(member, {qualified})
        alias = self._alias(function, annotation)
        if alias is not None:
            return self.plain(alias[0], alias[1], name)
        return f"{name}: nobody can invent a {kind or 'value'}"

    def _alias(self, function: FunctionFacts, annotation: Value) -> tuple[FunctionFacts, Value] | None:
        """What a name of a type stands for: `UserId = UUID`, `UserId = NewType("UserId", int)`; with where that is written."""
        if not isinstance(annotation, Ref):
            return None
        module, inside = self._index.names.split(
            self._index.resolve(function.path, annotation.dotted, function)
        )
        held = module.top.variables.get(inside) if module is not None and inside else None
        if isinstance(held, Call) and held.name == "NewType" and len(held.args) == 2:
            held = held.args[1]
        if module is None or held is annotation or not isinstance(held, Ref | Item | Logic):
            return None
        return module.top, held

    def enum_member(self, qualified: str) -> str:
        """`Color.RED`, the first member of a project's enum; "" where the name is none."""
        facts = self._index.find_class(qualified) if qualified else None
        if facts is None or not self._is_enum(qualified):
            return ""
        return next((f"{facts.name}.{name}" for name in facts.attributes if not name.startswith("_")), "")

    def _is_enum(self, qualified: str) -> bool:
        return any(base.rpartition(".")[2] in _ENUMS for base in self._index.types.bases(qualified))

    def lacking(self, function: FunctionFacts, depth: int = 3) -> set[str]:
        """The models of which there must be no row: a function makes the only one, or deletes what the row points at."""
        found = self._pointing_at_deleted(function)
        for call in function.calls:
            model = self._index.models.find(self._index.callee_name(function.path, function, call) or "?")
            if model is not None:
                if self.is_own(model) and self._one_only(model):
                    found.add(model.qualified)
                continue
            callee = self._index.callee(function.path, function, call) if depth else None
            if callee is not None and callee is not function:
                found |= self.lacking(callee, depth - 1)
        return found

    def _pointing_at_deleted(self, function: FunctionFacts) -> set[str]:
        """The models that point at one whose rows a DELETE statement takes; an ORM cascade sees to its own."""
        deleted = set()
        for value in all_values(function):
            if (
                isinstance(value, Root)
                and value.kind == "delete"
                and value.columns
                and isinstance(value.columns[0], Ref)
            ):
                model = self._index.models.find(self._index.resolve(function.path, value.columns[0].dotted))
                if model is not None:
                    deleted.add(model.table)
        return {
            model.qualified
            for model in self._index.all_models()
            if model.table not in deleted
            and deleted.intersection(model.foreign_keys.values())
            and self.is_own(model)
        }

    def _one_only(self, model: Model) -> bool:
        """Whether a constraint allows one row for the rows that it points at: one subscription a user."""
        for table in self._index.schema():
            if table.table != model.table:
                continue
            sets = [key.columns for key in table.keys if key.kind in ("unique", "primary") or key.unique]
            sets += [(column.name,) for column in table.columns.values() if column.unique]
            if self._is_note(model):
                return True
            pointing = {model.columns[name] for name in model.foreign_keys} | {self._policy.column}
            return any(
                names and set(names) <= pointing and set(names) != {self._policy.column} for names in sets
            )
        return False

    def _is_note(self, model: Model) -> bool:
        """Whether a row only says that two others have to do with each other, such as the use of a code by a user."""
        own = [name for name in model.foreign_keys if model.columns.get(name) != self._policy.column]
        other = set(model.columns) - set(own) - set(model.primary) - {self._policy.column}
        pointed = any(model.table in item.foreign_keys.values() for item in self._index.all_models())
        return len(own) >= 2 and len(other) <= 1 and not pointed

    # ---- what rows must look like ----------------------------------------------------------------------------

    def rows_for(self, function: FunctionFacts) -> tuple[dict[str, dict[str, str]], set[str]]:
        """Values that the rows need so that the statements of a function find them, and the names to import for them."""
        rows: dict[str, dict[str, str]] = {}
        names: set[str] = set()
        for qualified, columns in conditions(self._index, function).items():
            model = self._index.models.find(qualified)
            if model is None or not self.is_own(model):
                continue
            for column, tests in columns.items():
                if column == self._policy.column or column in model.foreign_keys or column in model.primary:
                    continue
                found = self._matching(function, tests)
                if found is not None:
                    rows.setdefault(qualified, {})[column] = found[0]
                    names |= found[1]
        return rows, names

    def _matching(
        self, function: FunctionFacts, tests: list[tuple[str, Value]]
    ) -> tuple[str, set[str]] | None:
        """A value that satisfies the first test that can be told."""
        timed = {
            operator
            for operator, value in tests
            if operator in ("<", "<=", ">", ">=") and self._is_time(function, value)
        }
        if timed:
            below, above = timed & {"<", "<="}, timed & {">", ">="}
            return ("SOON" if below and above else "PAST" if below else "FUTURE"), set()
        for operator, value in tests:
            if operator in ("in_", "in") and isinstance(value, Items) and value.items:
                value = value.items[0]
            elif operator not in ("==", "is_"):
                continue
            if isinstance(value, Const):
                return repr(value.value), set()
            if isinstance(value, Ref):
                qualified = self._index.resolve(function.path, value.dotted, function)
                owner = qualified.removesuffix(".value").rpartition(".")[0]
                facts = self._index.find_class(owner) if owner else None
                if facts is not None and self._is_enum(owner):
                    return self._member_text(facts, qualified, owner), {owner}
        return None

    def _member_text(self, facts: ClassFacts, qualified: str, owner: str) -> str:
        return f"{facts.name}{qualified[len(owner) :]}"

    def _is_time(self, function: FunctionFacts, value: Value) -> bool:
        for item in walk(value):
            text = (
                item.dotted if isinstance(item, Ref) else item.name if isinstance(item, Call | Attr) else ""
            )
            if re.search(r"now|today|time|date|threshold|cutoff|deadline|since|until", text, re.IGNORECASE):
                return True
        return False

"""Which classes and `Table` objects are tables, what columns they have, and which belong to a tenant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from merge_tool.index.names import Names
from merge_tool.index.words import BARE_BASES
from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import ClassFacts, ModuleFacts
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.values import Call, Const, Item, Ref, Unknown, Value, walk

_COLUMNS = frozenset(("Column", "mapped_column", "column_property", "Field", "deferred"))
_RELATIONS = frozenset(("relationship", "relation", "Relationship", "backref"))
_ROOT_BASES = frozenset(
    ("DeclarativeBase", "DeclarativeBaseNoMeta", "SQLModel", "Model", "declarative_base", "DeclarativeMeta")
)


class Models:
    """All models of a project."""

    def __init__(self, names: Names, policy: Policy) -> None:
        self._names = names
        self._column = policy.column
        self.by_name: dict[str, Model] = {}
        self.by_table: dict[str, Model] = {}
        self._by_last: dict[str, list[Model]] = {}
        self._tenant = frozenset(policy.tables.tenant)
        self._shared = frozenset(policy.tables.shared)

    def of_file(self, path: str) -> list[Model]:
        """The models that a file defines."""
        module = self._names.modules[path]
        found = [self._class_model(module, facts) for facts in module.classes.values()]
        found += [
            self._table_model(module, name, value)
            for name, value in module.top.variables.items()
            if isinstance(value, Call) and value.name == "Table"
        ]
        return [item for item in found if item is not None]

    def find(self, name: str) -> Model | None:
        """By absolute name, by table, or by class name where just one class has it."""
        found = self.by_name.get(name) or self.by_table.get(name)
        if found is not None:
            return found
        same = self._by_last.get(name.rpartition(".")[2], []) if "." not in name else []
        return same[0] if len(same) == 1 else None

    def is_tenant(self, model: Model) -> bool:
        """Whether the rows belong to a tenant: by the policy's lists, else by the tenant column."""
        if model.table in self._shared:
            return False
        if model.table in self._tenant or "*" in self._tenant:
            return True
        return model.has_tenant and not self.is_tenants_own(model)

    def is_tenants_own(self, model: Model) -> bool:
        """Whether it is the table of the tenants themselves: its whole primary key is the tenant's id, and points nowhere."""
        return (
            len(model.primary) == 1
            and model.columns.get(model.primary[0]) == self._column
            and model.primary[0] not in model.foreign_keys
        )

    def bodies(self, module: ModuleFacts, facts: ClassFacts) -> list[tuple[ModuleFacts, ClassFacts]]:
        """The class bodies that make up a model, the farthest base first, so that later ones override."""
        return list(reversed(self._chain(module, facts)[0]))

    def unclassified(self) -> tuple[Model, ...]:
        """The models that neither carry the column nor stand in a list of the policy."""
        if "*" in self._tenant:
            return ()
        listed = self._tenant | self._shared
        return tuple(
            model for model in self.by_name.values() if not model.has_tenant and model.table not in listed
        )

    def add(self, model: Model) -> None:
        """Makes a model known."""
        self.by_name[model.qualified] = model
        if model.table:
            self.by_table.setdefault(model.table, model)
        self._by_last.setdefault(model.name, []).append(model)

    def link(self) -> None:
        """Lets foreign keys that name a class or a table object name its table, once all models are known."""
        linked = [
            replace(model, foreign_keys={name: self._table(key) for name, key in model.foreign_keys.items()})
            for model in self.by_name.values()
        ]
        self._by_last = {}
        self.by_table.clear()
        for model in linked:
            self.add(model)

    def _table(self, target: str) -> str:
        """The table that a foreign key points at, which may be written as a class."""
        last = target.rpartition(".")[2]
        found = self.find(target) or self.find(last)
        return found.table if found is not None else last

    def _class_model(self, module: ModuleFacts, facts: ClassFacts) -> Model | None:
        chain, known, root = self._chain(module, facts)
        table_flag = any(
            name == "table" and isinstance(value, Const) and value.value is True
            for name, value in facts.keywords
        )
        named = any(
            "__tablename__" in item.attributes
            or "__table__" in item.attributes
            or "__tablename__" in item.methods
            for _, item in chain
        )
        abstract = facts.attributes.get("__abstract__")
        if isinstance(abstract, Const) and abstract.value is True:
            return None
        if not table_flag and not (named and (root or self._has_columns(facts))):
            return None
        if facts.name in _ROOT_BASES or (
            not self._has_columns(facts) and not any(self._has_columns(item) for _, item in chain)
        ):
            return None
        columns: dict[str, str] = {}
        foreign: dict[str, str] = {}
        relations: dict[str, str] = {}
        primary: dict[str, None] = {}
        for owner, item in reversed(chain):
            self._read_body(owner, item, columns, foreign, relations)
            primary.update({name: None for name, value in item.attributes.items() if _is_primary(value)})
        table = self._table_name(chain, facts)
        has_tenant = self._column in columns or self._column in columns.values()
        bases = tuple(f"{owner.module}.{item.qualname}" for owner, item in chain[1:])
        return Model(
            f"{module.module}.{facts.qualname}",
            facts.name,
            table,
            module.path,
            facts.span,
            columns,
            foreign,
            relations,
            has_tenant,
            known,
            bases,
            primary=tuple(primary),
        )

    def _has_columns(self, facts: ClassFacts) -> bool:
        if any(isinstance(value, Call) and value.name in _COLUMNS for value in facts.attributes.values()):
            return True
        return any(
            isinstance(value, Item) and isinstance(value.base, Ref) and value.base.last == "Mapped"
            for value in facts.fields.values()
        )

    def _chain(
        self, module: ModuleFacts, facts: ClassFacts
    ) -> tuple[list[tuple[ModuleFacts, ClassFacts]], bool, bool]:
        """The class and all its bases within the project; whether all are known; whether the root is a declarative base."""
        found: list[tuple[ModuleFacts, ClassFacts]] = []
        known, root = True, False
        stack = [(module, facts)]
        seen: set[tuple[str, str]] = set()
        while stack:
            owner, item = stack.pop(0)
            if (owner.path, item.qualname) in seen:
                continue
            seen.add((owner.path, item.qualname))
            found.append((owner, item))
            for base in item.bases:
                if isinstance(base, Item):
                    base = base.base
                if isinstance(base, Call):
                    root |= base.name in ("declarative_base", "automap_base")
                    known &= base.name in ("declarative_base",)
                    continue
                if not isinstance(base, Ref):
                    known = False
                    continue
                qualified = self._names.resolve(owner.path, base.dotted)
                other, rest = self._names.split(qualified)
                if other is not None and rest in other.classes:
                    stack.append((other, other.classes[rest]))
                    continue
                made = other.top.variables.get(rest) if other is not None else None
                if base.last in BARE_BASES or (isinstance(made, Call) and made.name == "declarative_base"):
                    root |= base.last in _ROOT_BASES or isinstance(made, Call) or base.last == "Base"
                else:
                    known = False
        return found, known, root or self._declares_root(found)

    def _declares_root(self, chain: list[tuple[ModuleFacts, ClassFacts]]) -> bool:
        return any(
            isinstance(base, Ref) and base.last in _ROOT_BASES for _, item in chain for base in item.bases
        )

    def _table_name(self, chain: list[tuple[ModuleFacts, ClassFacts]], facts: ClassFacts) -> str:
        for _, item in chain:
            value = item.attributes.get("__tablename__")
            if isinstance(value, Const) and isinstance(value.value, str):
                return value.value
            table = item.attributes.get("__table__")
            if isinstance(table, Call) and table.args and isinstance(table.args[0], Const):
                return str(table.args[0].value)
        return facts.name.lower()

    def _read_body(
        self,
        owner: ModuleFacts,
        facts: ClassFacts,
        columns: dict[str, str],
        foreign: dict[str, str],
        relations: dict[str, str],
    ) -> None:
        for name, value in facts.attributes.items():
            if isinstance(value, Call) and value.name in _RELATIONS:
                relations[name] = _relation_target(value, facts.fields.get(name))
            elif isinstance(value, Call) and value.name in _COLUMNS:
                columns[name] = _column_name(value, name)
                self._foreign(owner.path, value, name, foreign)
            elif isinstance(value, Call) and value.name == "Table":
                for column, call in _table_columns(value):
                    columns[column] = column
                    self._foreign(owner.path, call, column, foreign)
        for name, kind in facts.fields.items():
            if name in columns or name in relations or name.startswith("__"):
                continue
            mapped = isinstance(kind, Item) and isinstance(kind.base, Ref) and kind.base.last == "Mapped"
            sqlmodel = any(isinstance(base, Ref) and base.last != "BaseModel" for base in facts.bases)
            if mapped or (sqlmodel and name not in facts.attributes):
                columns[name] = name
        for name in facts.methods:
            if name not in columns and not name.startswith("__") and self._is_declared(owner, facts, name):
                function = owner.functions[f"{facts.qualname}.{name}"]
                made = [item for item in function.returns if isinstance(item, Call) and item.name in _COLUMNS]
                related = [
                    item for item in function.returns if isinstance(item, Call) and item.name in _RELATIONS
                ]
                if related:
                    relations[name] = _relation_target(related[0], function.result)
                if made or name == self._column:
                    columns[name] = name
                for call in made:
                    self._foreign(owner.path, call, name, foreign)

    def _is_declared(self, owner: ModuleFacts, facts: ClassFacts, name: str) -> bool:
        function = owner.functions.get(f"{facts.qualname}.{name}")
        return function is not None and any(
            isinstance(item, Ref) and item.last == "declared_attr" for item in function.decorators
        )

    def _foreign(self, path: str, call: Call, name: str, foreign: dict[str, str]) -> None:
        for value in [*call.args, *(item for _, item in call.kwargs)]:
            if isinstance(value, Call) and value.name == "ForeignKey" and value.args:
                target = value.args[0]
                if isinstance(target, Const) and isinstance(target.value, str):
                    foreign[name] = target.value.rpartition(".")[0].rpartition(".")[2] or target.value
                elif isinstance(target, Ref):
                    # `Tenant.id`, `tenants.c.id`: the table's name is known when all models are, see `link`.
                    held = target.dotted.rpartition(".")[0].removesuffix(".c")
                    foreign[name] = self._names.canonical(self._names.resolve(path, held))
        for key, value in call.kwargs:
            if key == "foreign_key" and isinstance(value, Const) and isinstance(value.value, str):
                foreign[name] = value.value.partition(".")[0]

    def _table_model(self, module: ModuleFacts, name: str, call: Call) -> Model | None:
        if not call.args or not isinstance(call.args[0], Const) or not isinstance(call.args[0].value, str):
            return None
        columns: dict[str, str] = {}
        foreign: dict[str, str] = {}
        primary: list[str] = []
        for column, item in _table_columns(call):
            columns[column] = column
            self._foreign(module.path, item, column, foreign)
            if _is_primary(item):
                primary.append(column)
        return Model(
            f"{module.module}.{name}",
            name,
            call.args[0].value,
            module.path,
            call.span,
            columns,
            foreign,
            {},
            self._column in columns,
            is_table=True,
            primary=tuple(primary),
        )


def _table_columns(call: Call) -> Iterator[tuple[str, Call]]:
    for arg in call.args[1:]:
        if (
            isinstance(arg, Call)
            and arg.name == "Column"
            and arg.args
            and isinstance(arg.args[0], Const)
            and isinstance(arg.args[0].value, str)
        ):
            yield arg.args[0].value, arg


def _is_primary(value: Value) -> bool:
    return (
        isinstance(value, Call)
        and value.name in _COLUMNS
        and any(
            key == "primary_key" and isinstance(item, Const) and item.value is True
            for key, item in value.kwargs
        )
    )


def _column_name(call: Call, default: str) -> str:
    first = call.args[0] if call.args else None
    if isinstance(first, Const) and isinstance(first.value, str):
        return first.value
    named = call.argument(99, "name")
    return named.value if isinstance(named, Const) and isinstance(named.value, str) else default


def _relation_target(call: Call, field: Value | None) -> str:
    first = call.argument(0, "argument")
    if isinstance(first, Const) and isinstance(first.value, str):
        return first.value.rpartition(".")[2]
    if isinstance(first, Ref):
        return first.last
    if field is not None and not isinstance(field, Unknown):
        names = [item.last for item in walk(field) if isinstance(item, Ref)]
        names = [
            name for name in names if name not in ("Mapped", "List", "list", "Optional", "None", "Set", "set")
        ]
        texts = [
            item.value for item in walk(field) if isinstance(item, Const) and isinstance(item.value, str)
        ]
        return names[-1] if names else (str(texts[0]) if texts else "")
    return ""

"""Adds the tenant predicate to statements, where the tenant is at hand.

Before::

    async def tickets(user: User, bot_id: int = Depends(get_cabinet_tenant), db=Depends(get_db)):
        query = select(Ticket).where(Ticket.user_id == user.id)

After::

    async def tickets(user: User, bot_id: int = Depends(get_cabinet_tenant), db=Depends(get_db)):
        query = select(Ticket).where(Ticket.user_id == user.id, Ticket.bot_id == bot_id)

A statement is a `select`, `update` or `delete` of SQLAlchemy on a model that has the tenant column. The tenant is a
parameter named as the policy says, or a variable of that name that a function of the policy's context filled. Where the
parameter may be None, and nothing checked it, a statement held in a variable gets the predicate under a condition.

`session.get(Model, key)` takes no filter, and would give another tenant's row: it becomes
`session.scalar(select(Model).where(Model.id == key, Model.bot_id == bot_id))`.

A new row that gets no tenant (the linters' own verdict, rule TQ4) is given it: `Order(code="a", bot_id=bot_id)`, also in the values of an
`insert`. In a method whose object holds the tenant, `self.bot_id` is taken.

Left alone: statements that name the tenant already (in place, in a later step on the variable, in a list of conditions,
through a helper that is given the tenant), that run in a session bound to the tenant, or that are marked as global.
Left to a person: aliases, subqueries, unions, statements whose model is only known at run time, several tenant models
without a join, legacy `session.query`, and `session.get` with options, with a key of several columns, or of what may be no session.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import ClassVar

import libcst as cst

from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.chains import FILTERS, Chain, ChainEdits, chain_from, grow, held_in
from merge_tool.codemods.filter_examples import EXAMPLES
from merge_tool.codemods.lookups import Lookup, obstacle, primary_key, select_name
from merge_tool.codemods.names import Names
from merge_tool.codemods.places import span_of, start_of
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.stamping import Stamps, stamp
from merge_tool.codemods.statement_models import Entities, Entity, StatementReader
from merge_tool.codemods.tenancy import Tenancy, Tenant
from merge_tool.codemods.tenant_models import Ownership, TenantModels
from merge_tool.model.policy import Policy
from merge_tool.model.source import CodemodResult, Edit, NotDone

_ENDS = {
    **dict.fromkeys(
        ("subquery", "cte", "alias", "lateral", "scalar_subquery", "as_scalar", "label"), "is a subquery"
    ),
    **dict.fromkeys(("exists", "correlate"), "is a subquery"),
    **dict.fromkeys(
        ("union", "union_all", "intersect", "intersect_all", "except_", "except_all"),
        "is an arm of a set operation",
    ),
}
_MEMBERSHIPS = ("in_", "not_in", "notin_", "any_", "all_", "scalar_subquery")


class FilterQuery(Codemod):
    """Adds the predicates; see the module."""

    name: ClassVar[str] = "filter-query"
    joined: ClassVar[bool] = False

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Edits the chosen files."""
        names = Names(project.files)
        texts: dict[str, str] = {}
        edits: list[Edit] = []
        not_done: list[NotDone] = []
        models = TenantModels(names, project.policy)
        stamps = Stamps(project)
        for path in project.chosen(paths):
            text = project.files[path]
            if project.policy.parameter not in text:
                continue
            module = names.module(path)
            if module is None:
                not_done.append(NotDone(path, 1, self.name, names.broken[path]))
                continue
            work = _FileWork(names, models, project.policy, module)
            work.run(project)
            work.stamp(project, stamps)
            not_done += [NotDone(path, line, self.name, reason) for line, reason in work.left]
            if not work.changes:
                continue
            try:
                texts[path] = grow(text, work.changes, module.name, module.package)
                edits += [Edit(path, line, self.name, what) for line, what in work.done]
            except (cst.ParserSyntaxError, RecursionError) as error:
                reason = f"libcst cannot parse the file: {str(error).splitlines()[0]}"
                not_done += [NotDone(path, line, self.name, reason) for line, _ in work.done]
        return CodemodResult(texts, tuple(edits), tuple(not_done))


class _FileWork:
    """One run on one file."""

    def __init__(self, names: Names, models: TenantModels, policy: Policy, module: Module) -> None:
        self.names = names
        self.models = models
        self.policy = policy
        self.module = module
        self.reader = StatementReader(names, models, module)
        self.tenancy = Tenancy(names, policy, module)
        self.changes = ChainEdits()
        self.done: list[tuple[int, str]] = []
        self.left: list[tuple[int, str]] = []

    def run(self, project: Project) -> None:
        """Looks at every call that may be edited."""
        for call in self.module.calls():
            if not project.wants(self.module.path, call.lineno, call.lineno):
                continue
            tenant = self.tenancy.at(call)
            if tenant is None:
                continue
            kind = self.reader.statement(call)
            if kind:
                self._handle(kind, Chain(call, chain_from(self.module, call)), tenant)
            elif isinstance(call.func, ast.Attribute) and call.args:
                self._session(call.func.attr, call)

    def stamp(self, project: Project, stamps: Stamps) -> None:
        """Gives new rows of the file their tenant, where it is at hand."""
        if not any(self._may_make(call) for call in self.module.calls()):
            return
        path = self.module.path
        rows = [item for item in stamps.rows(path) if project.wants(path, item.span.line, item.span.end_line)]
        for line, done, what in stamp(self.module, self.tenancy, self.policy, rows, self.changes):
            (self.done if done else self.left).append((line, what))

    def _may_make(self, call: ast.Call) -> bool:
        """Whether a call may make a row of a tenant's table, with the tenant at hand."""
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if not name or (not name[:1].isupper() and "insert" not in name):
            return False
        thing = self.names.resolve(self.module, self.module.scope_of[call], call.func)
        made = thing is not None and thing.kind == "class" and self.models.of(thing) is not Ownership.NONE
        return (made or "insert" in name) and self.tenancy.at(call) is not None

    # ---- one statement -------------------------------------------------------------------------------------

    def _handle(self, kind: str, chain: Chain, tenant: Tenant) -> None:
        entities = self.reader.entities(kind, chain)
        owned = [
            item
            for item in (*entities.read, *entities.joined)
            if self.models.of(item.model) is Ownership.TENANT
        ]
        listed = [
            item
            for item in (*entities.read, *entities.joined)
            if self.models.of(item.model) is Ownership.LISTED
        ]
        if not owned and not listed and not (entities.doubt and kind != "exists"):
            return
        line = chain.root.lineno
        if self.tenancy.aware(chain):
            return
        if branch := self.tenancy.one_branch(chain):
            self.left.append((line, f"the filter on line {branch} stands on one branch only"))
            return
        reason = self._obstacle(kind, chain, entities, owned, listed)
        if reason:
            self.left.append((line, reason))
            return
        read = [item for item in owned if item in entities.read]
        entity = (read or owned)[0]
        condition = f"{entity.code}.{self.policy.column} == {tenant.code}"
        if tenant.optional and not self.tenancy.checked(chain.root, tenant):
            self._conditional(chain, condition, tenant.code)
            return
        self._add(chain, condition)
        self.done.append((line, f"filter {entity.code} by {self.policy.column}"))

    def _add(self, chain: Chain, condition: str) -> None:
        text = self.module.text
        first = next(chain.calls(*FILTERS), None)
        if (
            first is not None
            and isinstance(first.func, ast.Attribute)
            and first.args
            and not first.keywords
            and not self._breaks(first.func)
        ):
            bare_generator = len(first.args) == 1 and isinstance(first.args[0], ast.GeneratorExp)
            if not bare_generator:
                self.changes.conditions[span_of(text, first)] = condition
                return
        self.changes.filters[span_of(text, chain.place())] = condition

    @staticmethod
    def _breaks(function: ast.Attribute) -> bool:
        """Whether the method's dot stands on another line than the end of what it is called on."""
        return function.value.end_lineno != function.end_lineno

    def _conditional(self, chain: Chain, condition: str, parameter: str) -> None:
        """The predicate under `if tenant is not None`, behind the statement that holds the chain in a variable."""
        statement = self.module.statement(chain.root)
        name = held_in(statement, chain.end)
        if not name:
            reason = f"{parameter} may be None here: hold the statement in a variable, so that it can be filtered under a condition"
            self.left.append((chain.root.lineno, reason))
            return
        code = f"if {parameter} is not None:\n    {name} = {name}.where({condition})"
        self.changes.after[start_of(self.module.text, statement)] = code
        self.done.append(
            (chain.root.lineno, f"filter {name} by {self.policy.column} where {parameter} is given")
        )

    def _obstacle(
        self, kind: str, chain: Chain, entities: Entities, owned: list[Entity], listed: list[Entity]
    ) -> str:
        """Why the statement cannot be edited; "" where it can."""
        if kind == "exists":
            return "exists() is a subquery: filter it by hand"
        for name, _ in chain.links:
            if name in _ENDS:
                return f"the statement {_ENDS[name]} (.{name}): filter it by hand"
        if nested := self._nested(chain):
            return f"the statement stands inside {nested}: filter it by hand"
        if entities.aliased:
            return "an alias is read: filter it by hand"
        if not owned and listed:
            return f"{listed[0].code} belongs to a tenant by the policy, but its model has no {self.policy.column}"
        if not owned:
            return f"what is read is only known at run time: {entities.doubt}"
        read = [item for item in owned if item in entities.read]
        if len(read) > 1:
            return f"{' and '.join(item.code for item in read)} are read without a join: filter each by hand"
        if not read and entities.outer:
            return f"{owned[0].code} comes in by an outer join: a filter behind it would drop rows"
        return ""

    def _nested(self, chain: Chain) -> str:
        """What other statement the chain is an argument of, in words."""
        node: ast.AST = chain.end
        for outer in self.module.ancestors(chain.end):
            if isinstance(outer, ast.stmt):
                return ""
            if isinstance(outer, ast.Call) and outer.func is not node:
                if isinstance(outer.func, ast.Attribute) and outer.func.attr in _MEMBERSHIPS:
                    return f"a condition (.{outer.func.attr})"
                found = self.reader.external(outer.func)
                if found.startswith("sqlalchemy."):
                    return f"{found.rpartition('.')[2]}()"
                base = outer.func
                while isinstance(base, ast.Attribute | ast.Call):
                    base = base.value if isinstance(base, ast.Attribute) else base.func
                    if isinstance(base, ast.Call) and self.reader.statement(base):
                        return f"another statement (line {base.lineno})"
            node = outer
        return ""

    # ---- sessions ------------------------------------------------------------------------------------------

    def _session(self, method: str, call: ast.Call) -> None:
        """`session.get(Model, …)`, which becomes a select, and `session.query(Model)`, which is left to a person."""
        if method not in ("get", "get_one", "query") or (method != "query" and len(call.args) < 2):
            return
        found = Entities()
        if method == "query":
            for argument in call.args:
                self.reader.read(argument, found, found.read)
        elif isinstance(call.args[0], ast.Name | ast.Attribute):
            self.reader.named(call.args[0], found, found.read)
        owned = [item for item in found.read if self.models.of(item.model) is Ownership.TENANT]
        chain = Chain(call, chain_from(self.module, call))
        if not owned or self.tenancy.aware(chain):
            return
        code = owned[0].code
        tenant = self.tenancy.at(call)
        written = tenant.code if tenant is not None else self.policy.parameter
        column = f"{code}.{self.policy.column} == {written}"
        if method == "query":
            self.left.append((call.lineno, f"a legacy query: add .filter({column})"))
        elif not self._checked_after(call):
            self._select_instead(method, call, owned[0], column)

    def _select_instead(self, method: str, call: ast.Call, entity: Entity, condition: str) -> None:
        """Writes `session.get(Model, key)` as a select of the row, filtered by the tenant."""
        code = ast.unparse(call.args[0])
        tenant = self.tenancy.at(call)
        select, need = select_name(self.module)
        key = primary_key(self.names, entity.model)
        why = obstacle(self.module, call)
        if not why and not select:
            why = "the name select means something else here"
        if not why and not key:
            why = f"{code} has no primary key of one column"
        if not why and (tenant is None or (tenant.optional and not self.tenancy.checked(call, tenant))):
            why = f"{self.policy.parameter} may be None here"
        if why:
            what = f"session.{method}({code}, …) takes no filter: select the row with {condition} ({why})"
            self.left.append((call.lineno, what))
            return
        self.changes.lookups[span_of(self.module.text, call)] = Lookup(code, select, key, condition)
        if need is not None:
            self.changes.imports.append(need)
        self.done.append((call.lineno, f"select the {code} by {key} and {self.policy.column}"))

    def _checked_after(self, call: ast.Call) -> bool:
        """Whether the tenant of a row that was fetched by its key is looked at in the function."""
        name = held_in(self.module.statement(call), call)
        function = next(
            (item for item in self.module.ancestors(call) if isinstance(item, FunctionNode)), None
        )
        return (
            bool(name)
            and function is not None
            and any(
                isinstance(item, ast.Attribute)
                and item.attr == self.policy.column
                and isinstance(item.value, ast.Name)
                and item.value.id == name
                for item in ast.walk(function)
            )
        )


__all__ = ["CODEMOD", "EXAMPLES", "FilterQuery"]

CODEMOD = FilterQuery

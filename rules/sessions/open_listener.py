"""A listener that is to hold every statement to the tenant, and leaves some open.

What it does
------------
Looks at listeners that add the tenant to statements, `do_orm_execute` with `with_loader_criteria` and `before_compile` of a Query, and reports
those that add nothing where there is no tenant, that see SELECT only, that leave aliases or lazy loads out, or whose criteria call a function.

Why is this bad?
----------------
The rest of the code relies on the listener and filters nothing itself. A job without a context, a script, a forgotten middleware then read the rows of all
tenants, and `session.execute(delete(Order))` deletes them. `include_aliases` is off unless it is asked for. A lambda of `with_loader_criteria` is
called once for each class and its variables are tracked from outside: SQLAlchemy asks not to call functions in it
(https://docs.sqlalchemy.org/en/20/orm/queryguide/api.html#sqlalchemy.orm.with_loader_criteria).

Example
-------
    @event.listens_for(Session, "do_orm_execute")
    def add_tenant(state):
        bot_id = get_current_tenant()
        if state.is_select and bot_id is not None:
            state.statement = state.statement.options(with_loader_criteria(Owned, lambda cls: cls.bot_id == bot_id))

Use instead
-----------
    @event.listens_for(Session, "do_orm_execute")
    def add_tenant(state):
        bot_id = require_current_tenant()
        if state.is_select or state.is_update or state.is_delete:
            criteria = with_loader_criteria(Owned, lambda cls: cls.bot_id == bot_id, include_aliases=True)
            state.statement = state.statement.options(criteria)

Not reported
------------
The exclusions of `is_column_load` and `is_relationship_load`, which SQLAlchemy's own example makes; listeners that raise where there is no tenant.
Where a listener holds a model, the rules on queries say nothing of ORM statements on it; what is run on a connection, and SQL written as text, they still report.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Guard, Invalid, ModuleFacts, Project, Rule, Valid

HEAD = (
    "from sqlalchemy import Column, Integer, event\nfrom sqlalchemy.orm import DeclarativeBase, Session, with_loader_criteria\n"
    "from app.tenancy import get_current_tenant, require_current_tenant\n"
    "class Base(DeclarativeBase): ...\nclass Owned:\n    bot_id = Column(Integer)\nclass Order(Owned, Base):\n    __tablename__ = 'orders'\n"
    '@event.listens_for(Session, "do_orm_execute")\ndef add(state):\n'
)
ADD = "state.statement = state.statement.options(with_loader_criteria(Owned, lambda cls: cls.bot_id == bot_id, include_aliases=True))\n"
SOUND = "    bot_id = require_current_tenant()\n    " + ADD


QUERY = (
    "from sqlalchemy import event\nfrom sqlalchemy.orm import Query\nfrom app.tenancy import get_current_tenant, require_current_tenant\n"
    '@event.listens_for(Query, "before_compile", retval=True)\ndef add(query):\n'
)


class OpenListener(Rule):
    """See the module."""

    code = "TR3"
    name = "open-listener"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the listeners of a file that leave statements open."""
        for guard in index.guards():
            if guard.path == module.path:
                yield from self._judge(module, guard)

    def _judge(self, module: ModuleFacts, guard: Guard) -> Iterable[Diagnostic]:
        function = module.functions[guard.function]
        name = function.name
        told: list[tuple[str, Severity | None]] = []
        if guard.optional:
            told.append(
                (f"{name}() adds no tenant where there is none: such statements see all tenants", None)
            )
        if not guard.changes:
            told.append(
                (f"{name}() holds SELECT only: UPDATE and DELETE of the session see all tenants", None)
            )
        if "aliases" in guard.faults:
            why = f"{name}() leaves aliases open: give include_aliases=True"
            told.append((why, Severity.WARNING))
        if "loaders" in guard.faults:
            why = f"{name}() leaves lazy loads open: propagate_to_loaders is False"
            told.append((why, Severity.WARNING))
        if "calls" in guard.faults:
            why = f"{name}() calls a function in its criteria, which SQLAlchemy calls once for each class: ask for the tenant outside of it"
            told.append((why, None))
        for message, severity in told:
            yield self.found(module.path, function.header, message, severity=severity)

    INVALID = (
        Invalid(QUERY + "    bot_id = get_current_tenant()\n    if bot_id is not None:\n        for row in query.column_descriptions:\n            query = query.filter(row['entity'].bot_id == bot_id)\n    return query\n", (Expected(5, "adds no tenant where there is none"),)),
        Invalid(HEAD + "    bot_id = get_current_tenant()\n    if bot_id is not None:\n        " + ADD, (Expected(10, "adds no tenant where there is none"),)),
        Invalid(HEAD + "    bot_id = get_current_tenant()\n    if bot_id is None:\n        return\n    " + ADD, (Expected(10, "adds no tenant where there is none"),)),
        Invalid(HEAD + "    bot_id = require_current_tenant()\n    if state.is_select:\n        " + ADD, (Expected(10, "holds SELECT only"),)),
        Invalid(HEAD + SOUND.replace(", include_aliases=True", ""), (Expected(10, "leaves aliases open", Severity.WARNING),)),
        Invalid(HEAD + SOUND.replace("include_aliases=True", "include_aliases=True, propagate_to_loaders=False"), (Expected(10, "leaves lazy loads open", Severity.WARNING),)),
        Invalid(HEAD + SOUND.replace("== bot_id", "== require_current_tenant()"), (Expected(10, "calls a function in its criteria"),)),
        Invalid(HEAD.replace('@event.listens_for(Session, "do_orm_execute")\n', "") + "    bot_id = require_current_tenant()\n    if state.is_select:\n        " + ADD + 'event.listen(Session, "do_orm_execute", add)\n', (Expected(9, "holds SELECT only"),)),
        # Jobs need a tenant as well: the test of the context is no exclusion.
        Invalid(HEAD + "    bot_id = get_current_tenant()\n    if not state.is_column_load and bot_id:\n        " + ADD, (Expected(10, "adds no tenant"),)),
    )  # fmt: skip
    VALID = (
        Valid(QUERY + "    bot_id = require_current_tenant()\n    return query.enable_assertions(False).filter_by(bot_id=bot_id)\n"),
        Valid(HEAD + SOUND),
        Valid(HEAD + "    bot_id = get_current_tenant()\n    if bot_id is None:\n        raise RuntimeError('no tenant')\n    " + ADD),
        Valid(HEAD + "    bot_id = require_current_tenant()\n    if (state.is_select or state.is_update or state.is_delete) and not state.is_column_load:\n        " + ADD),
        Valid(HEAD + "    state.statement = state.statement.options(with_loader_criteria(Owned, lambda cls: cls.deleted == False))\n"),
        Valid('from sqlalchemy import event\nfrom sqlalchemy.orm import Session\n@event.listens_for(Session, "before_flush")\ndef f(session, context, instances): ...\n'),
    )  # fmt: skip

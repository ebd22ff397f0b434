"""A table of which the policy does not say whose it is.

What it does
------------
Reports models that lack the tenant column and stand in neither `tables.tenant` nor `tables.shared` of the policy.

Why is this bad?
----------------
Queries on such a table are never checked. A table that was forgotten looks just like one that all tenants share.

Example
-------
    class Invoice(Base):
        __tablename__ = "invoices"
        id = Column(Integer, primary_key=True)

Use instead
-----------
    class Invoice(Base):
        __tablename__ = "invoices"
        id = Column(Integer, primary_key=True)
        bot_id = Column(Integer, ForeignKey("bots.id"), nullable=False)

Not reported
------------
Anything in a project where the policy lists no table and at most half of the models carry the column: there the column is not yet the way. Nor in one where no model has it.
A model whose bases are not all in the project is `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

BASE = "from sqlalchemy import Column, Integer, ForeignKey\nfrom sqlalchemy.orm import declarative_base\nBase = declarative_base()\n"
OWNED = 'class {0}(Base):\n    __tablename__ = "{1}"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer)\n'
BARE = 'class {0}(Base):\n    __tablename__ = "{1}"\n    id = Column(Integer, primary_key=True)\n'


class UnclassifiedTable(Rule):
    """See the module."""

    code = "T03"
    name = "unclassified-table"
    severity = Severity.WARNING

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the file's models that the policy leaves open."""
        here = [item for item in index.unclassified_models() if item.path == module.path]
        if not here:
            return
        models = index.all_models()
        carrying = sum(item.has_tenant for item in models)
        if not carrying and not policy.tables.tenant:
            return  # no tenants yet, or the wrong policy: the run says so once
        if not (policy.tables.tenant or policy.tables.shared) and carrying * 2 <= len(models):
            return
        for item in here:
            if item.known:
                message = f"the table {item.table} has no {policy.column}, and the policy names it neither a tenant's nor shared"
                yield self.found(item.path, item.span, message)
            else:
                message = f"cannot tell whether the table {item.table} has {policy.column}: a base of {item.name} is not in the project"
                yield self.found(item.path, item.span, message, severity=Severity.INFO)

    INVALID = (
        Invalid(BASE + BARE.format("Invoice", "invoices") + OWNED.format("User", "users"), (Expected(4, "the table invoices has no bot_id"),), policy={"tables": TablePolicy(shared=("bots",))}),
        Invalid(BASE + OWNED.format("User", "users") + OWNED.format("Order", "orders") + BARE.format("Invoice", "invoices"), (Expected(12, "invoices"),)),
        Invalid(BASE + 'from lib import Extra\nclass Invoice(Extra, Base):\n    __tablename__ = "invoices"\n    id = Column(Integer)\n', (Expected(5, "a base of Invoice", Severity.INFO),), policy={"tables": TablePolicy(tenant=("users",))}),
    )  # fmt: skip
    VALID = (
        Valid(BASE + BARE.format("Invoice", "invoices"), policy={"tables": TablePolicy(shared=("bots",))}),
        Valid(BASE + BARE.format("Invoice", "invoices")),
        Valid(BASE + BARE.format("Invoice", "invoices") + OWNED.format("User", "users")),
        Valid(BASE + BARE.format("Bot", "bots"), policy={"tables": TablePolicy(shared=("bots",))}),
        Valid(BASE + BARE.format("Invoice", "invoices"), policy={"tables": TablePolicy(tenant=("invoices",))}),
        Valid(BASE + BARE.format("Invoice", "invoices"), policy={"tables": TablePolicy(tenant=("*",))}),
        Valid(BASE + "class Owned:\n    bot_id = Column(Integer)\n" + BARE.format("Invoice", "invoices").replace("(Base)", "(Owned, Base)"), policy={"tables": TablePolicy(shared=("bots",))}),
    )  # fmt: skip

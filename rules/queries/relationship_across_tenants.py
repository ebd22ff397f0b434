"""A relationship that can lead to another tenant's rows.

What it does
------------
Looks at the relationships between tenants' tables. One whose `primaryjoin` ties the tables neither by the tenant nor along a foreign key is an
`error`: loads of it, lazy and eager, and `has()` and `any()` over it reach the rows of all tenants. Those along foreign keys that do not carry the
tenant are told as `info`, once a model.

Why is this bad?
----------------
A relationship is loaded by its join condition alone; the filter of the statement that brought the first row is not repeated. What keeps the
other side in the tenant is that condition, and, along a plain foreign key, that nobody ever wrote a key of another tenant into it.

Example
-------
    class User(Base):
        coupons = relationship("Coupon", primaryjoin="foreign(Coupon.email) == User.email")

Use instead
-----------
    class User(Base):
        coupons = relationship(
            "Coupon", primaryjoin="and_(foreign(Coupon.email) == User.email, Coupon.bot_id == User.bot_id)"
        )

Not reported
------------
A relationship whose join compares the tenant, or that follows a composite foreign key with the tenant; one from or to a table that belongs to no
tenant; relationships of a class that inherits them, which are reported where they stand. Single loads are not reported: the relationship is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Attr,
    Call,
    ClassFacts,
    Const,
    Expected,
    Invalid,
    Items,
    Model,
    ModuleFacts,
    Project,
    Ref,
    Rule,
    Valid,
    Value,
    walk,
)

_COLUMN = re.compile(r"\b([A-Za-z_]\w*)\.(?:c\.)?([A-Za-z_]\w*)\b")

HEAD = """\
from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Integer, String, and_
from sqlalchemy.orm import DeclarativeBase, foreign, relationship

class Base(DeclarativeBase): pass

class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    email = Column(String)

class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)

"""
ORDER = (
    HEAD
    + 'class Order(Base):\n    __tablename__ = "orders"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer)\n    email = Column(String)\n'
)


class RelationshipAcrossTenants(Rule):
    """See the module."""

    code = "TQ9"
    name = "relationship-across-tenants"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Judges the relationships of each model of the file; those that only integrity holds are told together."""
        for owner in module.classes.values():
            model = index.model(f"{module.module}.{owner.qualname}")
            if model is None or not index.is_tenant_model(model.qualified):
                continue
            plain: list[str] = []
            for name, call in self._relationships(owner, model):
                other = index.model(model.relationships[name])
                if other is None or not index.is_tenant_model(other.qualified):
                    continue
                join = call.argument(10_000, "primaryjoin")
                told = set(self._columns(join)) if join is not None else set()
                if any(column == policy.column for _, column in told):
                    continue
                if join is not None and told and not self._along_key(told, model, other, index):
                    message = (
                        f"{owner.name}.{name} reaches {other.name} of all tenants: its primaryjoin compares neither "
                        f"{policy.column} nor a foreign key"
                    )
                    yield self.found(module.path, call.span, message)
                elif not self._is_composite(owner, other, index, policy):
                    plain.append(name)
            if plain:
                names = ", ".join(sorted(plain))
                message = (
                    f"only foreign keys without {policy.column} keep {owner.name}'s {names} in the tenant"
                )
                yield self.found(module.path, owner.span, message, severity=Severity.INFO)

    def _relationships(self, owner: ClassFacts, model: Model) -> Iterator[tuple[str, Call]]:
        for name, value in owner.attributes.items():
            if name in model.relationships and isinstance(value, Call):
                yield name, value

    def _columns(self, join: Value) -> Iterator[tuple[str, str]]:
        """The columns that a join condition names, as text, expression or lambda."""
        for item in walk(join):
            if isinstance(item, Const) and isinstance(item.value, str):
                yield from _COLUMN.findall(item.value)
            elif isinstance(item, Ref):
                owner, _, name = item.dotted.rpartition(".")
                yield owner.rpartition(".")[2], name
            elif isinstance(item, Attr):
                yield "", item.name

    def _along_key(self, told: set[tuple[str, str]], model: Model, other: Model, index: Project) -> bool:
        """Whether one of the columns is a foreign key; columns that cannot be told apart count as one."""
        for owner, name in told:
            between = index.model(owner) if owner else None  # of `secondary`
            if between is not None and name in between.foreign_keys:
                return True
            for one in (model, other):
                if (
                    owner in ("", one.name, one.table, "self", "remote", "foreign")
                    and name in one.foreign_keys
                ):
                    return True
        # A bare name, as in a class's own body, can be any column.
        return all(not owner for owner, _ in told)

    def _is_composite(self, owner: ClassFacts, other: Model, index: Project, policy: Policy) -> bool:
        """Whether a foreign key of either side carries the tenant along."""
        sides = (owner, index.find_class(other.qualified))
        for side in sides:
            for held in (side.attributes.get("__table_args__"),) if side is not None else ():
                for item in walk(held) if held is not None else ():
                    if isinstance(item, Call) and item.name == "ForeignKeyConstraint" and item.args:
                        columns = item.args[0]
                        names = [part.value for part in columns.items if isinstance(part, Const)] if isinstance(columns, Items) else []  # fmt: skip
                        if policy.column in names:
                            return True
        return False

    INVALID = (
        Invalid(ORDER + "    user = relationship('User', primaryjoin='foreign(Order.email) == User.email')\n",
                (Expected(21, "Order.user reaches User of all tenants: its primaryjoin compares neither bot_id nor a foreign key"),)),
        Invalid(ORDER + "    user = relationship(User, primaryjoin=lambda: foreign(Order.email) == User.email, viewonly=True)\n", (Expected(21, "Order.user reaches User"),)),
        Invalid(ORDER + "    user_id = Column(ForeignKey('users.id'))\n    user = relationship('User')\n",
                (Expected(16, "only foreign keys without bot_id keep Order's user in the tenant", Severity.INFO),)),
        Invalid(ORDER + "    user_id = Column(ForeignKey('users.id'))\n    payer_id = Column(ForeignKey('users.id'))\n    user = relationship('User', foreign_keys=[user_id])\n    payer = relationship('User', primaryjoin='Order.payer_id == User.id')\n",
                (Expected(16, "Order's payer, user", Severity.INFO),)),
        Invalid(ORDER + "    users = relationship('User', secondary='links', primaryjoin='Order.id == Link.order_id', secondaryjoin='User.id == Link.user_id')\nclass Link(Base):\n    __tablename__ = 'links'\n    order_id = Column(ForeignKey('orders.id'), primary_key=True)\n    user_id = Column(ForeignKey('users.id'), primary_key=True)\n",
                (Expected(16, "Order's users", Severity.INFO),)),
    )  # fmt: skip
    VALID = (
        Valid(ORDER + "    user = relationship('User', primaryjoin='and_(foreign(Order.email) == User.email, Order.bot_id == User.bot_id)')\n"),
        Valid(ORDER + "    user = relationship('User', primaryjoin=lambda: and_(foreign(Order.email) == User.email, Order.bot_id == User.bot_id))\n"),
        Valid(ORDER + "    user_id = Column(Integer)\n    user = relationship('User')\n    __table_args__ = (ForeignKeyConstraint(['bot_id', 'user_id'], ['users.bot_id', 'users.id']),)\n"),
        Valid(ORDER + "    country_id = Column(ForeignKey('countries.id'))\n    country = relationship('Country')\n"),
        Valid(ORDER),
    )  # fmt: skip

"""Examples of the codemod `rename`."""

from __future__ import annotations

from merge_tool.codemods.base import Example

_USER = '''from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class User(Base):
    """Has balance_kopeks."""

    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    balance_kopeks = Column(Integer, default=0)  # balance_kopeks
    spent_kopeks = Column("spent", Integer)
'''
_CRUD = """from app.models import User
from app.money import format_kopeks as shown, to_kopeks


async def add_balance(user: User, amount_kopeks: int, *, limit_kopeks=None) -> str:
    user.balance_kopeks += amount_kopeks
    before = getattr(user, "balance_kopeks")
    rows = [{"amount_kopeks": to_kopeks(before)} for total_kopeks in (1, 2) if total_kopeks]
    await save(user, amount_kopeks=amount_kopeks)
    return f"{amount_kopeks} of {shown(user.balance_kopeks)}: {rows}"
"""
_MONEY = """__all__ = ["format_kopeks", "to_kopeks"]


def format_kopeks(kopeks):
    return str(kopeks)


def to_kopeks(value):
    return value * 100
"""
_FILES = {"app/models.py": _USER, "app/crud.py": _CRUD, "app/money.py": _MONEY}
_SUFFIX = {"suffixes": {"_kopeks": "_toman"}}


def _all(text: str, *more: tuple[str, str]) -> str:
    for old in ("balance", "amount", "limit", "total", "format", "to", "spent"):
        text = text.replace(f"{old}_kopeks", f"{old}_toman")
    for before, after in more:
        text = text.replace(before, after)
    return text


_USER_DONE = _all(_USER, ("Has balance_toman", "Has balance_kopeks"), ("# balance_toman", "# balance_kopeks"))

EXAMPLES = (
    Example(
        _FILES,
        {
            "app/models.py": _USER_DONE,
            "app/crud.py": _all(_CRUD, ('"amount_toman"', '"amount_kopeks"')),
            "app/money.py": _all(_MONEY),
        },
        _SUFFIX,
        not_done=("a text names amount_kopeks", "the column balance_kopeks is balance_toman now"),
    ),
    # Texts too, and the column keeps its name in the database.
    Example(
        _FILES,
        {
            "app/models.py": _USER_DONE.replace(
                "balance_toman = Column(Integer", 'balance_toman = Column("balance_kopeks", Integer'
            ),
            "app/crud.py": _all(_CRUD),
            "app/money.py": _all(_MONEY),
        },
        {**_SUFFIX, "strings": True, "keep_columns": True},
    ),
    # A name stays everywhere where it cannot be renamed at one place.
    Example(
        {
            "app/a.py": """from vendor import pay_kopeks

import vendor


def work(price_kopeks, cost_kopeks, tax_kopeks, fee_kopeks):
    cost_toman = cost_kopeks
    vendor.charge(tax_kopeks=tax_kopeks)
    row = dict(fee_kopeks=fee_kopeks)
    return pay_kopeks(price_kopeks), cost_toman, row, vendor.rate_kopeks, row.odd_kopeks
""",
            "app/b.py": "from app.a import work\n\nwork(price_kopeks=1)\n",
        },
        {},
        _SUFFIX,
        ("app/a.py",),
        not_done=(
            "pay_kopeks stays everywhere: it is defined by no code",
            "pay_kopeks stays everywhere: it is imported from outside",
            "cost_kopeks stays everywhere: it cannot become cost_toman",
            "tax_kopeks stays everywhere: it is an argument of vendor.charge",
            "fee_kopeks stays everywhere: it becomes a key",
            "odd_kopeks stays everywhere: it is defined by no code",
            "rate_kopeks stays everywhere: it is an attribute of vendor",
            "rate_kopeks stays everywhere: it is defined by no code",
            "price_kopeks stays everywhere: it is used there, outside",
        ),
    ),
)

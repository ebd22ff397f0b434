"""Examples of `tenant-uniques`, which a test repeats."""

from __future__ import annotations

from merge_tool.codemods.base import Example

_HEAD = "from sqlalchemy import Column, ForeignKey, Index, Integer, String, UniqueConstraint\nfrom sqlalchemy.orm import declarative_base\n\nBase = declarative_base()\n\n\n"

EXAMPLES = (
    Example(
        before={
            "app/__init__.py": "",
            "app/models.py": _HEAD
            + """class Promo(Base):
    __tablename__ = "promos"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False)
    code = Column(String(20), unique=True, index=True, nullable=False)  # shown
    slug = Column("slug_text", String(20), unique=True)
    token = Column(String(20), unique=True)
    payment_id = Column(String(20), unique=True)


class Plan(Base):
    __tablename__ = "plans"
    __table_args__ = (
        UniqueConstraint("name", "period", name="uq_plans"),
        Index("ix_plans_title", "title", unique=True),
    )
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False)
    name = Column(String(20))
    period = Column(Integer)
    title = Column(String(20))
    label = Column(String(20), unique=True)


class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)
    name = Column(String(20), unique=True)
""",
            "app/crud.py": """from sqlalchemy.dialects.postgresql import insert
from app.models import Plan, Promo


async def put(db, bot_id, code, rows):
    await db.execute(insert(Promo).values(bot_id=bot_id, code=code).on_conflict_do_nothing(index_elements=["code"]))
    await db.execute(insert(Promo).values(rows).on_conflict_do_update(index_elements=[Promo.slug_text], set_={"slug_text": ""}))
    await db.execute(insert(Plan).values(rows).on_conflict_do_nothing(index_elements=["code"]))
""",
        },
        after={
            "app/models.py": _HEAD
            + """class Promo(Base):
    __tablename__ = "promos"
    __table_args__ = (
        UniqueConstraint("bot_id", "code", name="uq_promos_bot_id_code"),
        UniqueConstraint("bot_id", "slug_text", name="uq_promos_bot_id_slug_text"),
    )
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False)
    code = Column(String(20), index=True, nullable=False)  # shown
    slug = Column("slug_text", String(20))
    token = Column(String(20), unique=True)
    payment_id = Column(String(20), unique=True)


class Plan(Base):
    __tablename__ = "plans"
    __table_args__ = (
        UniqueConstraint("bot_id", "name", "period", name="uq_plans"),
        Index("ix_plans_title", "bot_id", "title", unique=True),
        UniqueConstraint("bot_id", "label", name="uq_plans_bot_id_label"),
    )
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False)
    name = Column(String(20))
    period = Column(Integer)
    title = Column(String(20))
    label = Column(String(20))


class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)
    name = Column(String(20), unique=True)
""",
            "app/crud.py": """from sqlalchemy.dialects.postgresql import insert
from app.models import Plan, Promo


async def put(db, bot_id, code, rows):
    await db.execute(insert(Promo).values(bot_id=bot_id, code=code).on_conflict_do_nothing(index_elements=["bot_id", "code"]))
    await db.execute(insert(Promo).values(rows).on_conflict_do_update(index_elements=[Promo.bot_id, Promo.slug_text], set_={"slug_text": ""}))
    await db.execute(insert(Plan).values(rows).on_conflict_do_nothing(index_elements=["code"]))
""",
        },
    ),
    Example(
        before={
            "app/__init__.py": "",
            "app/models.py": _HEAD
            + """class Named:
    name = Column(String(20), unique=True)


class Shop(Named, Base):
    __tablename__ = "shops"
    __table_args__ = ({"schema": "shop"},)
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False)
    code = Column(String(20), unique=True)
    number = Column(Integer, unique=True)


class Visit(Base):
    __tablename__ = "visits"
    __table_args__ = make("visits")
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False)
    shop_number = Column(Integer, ForeignKey("shops.number"))
    place = Column(String(20), unique=True)
""",
        },
        after={
            "app/models.py": _HEAD
            + """class Named:
    name = Column(String(20), unique=True)


class Shop(Named, Base):
    __tablename__ = "shops"
    __table_args__ = (
        UniqueConstraint("bot_id", "code", name="uq_shops_bot_id_code"),
        {"schema": "shop"},
    )
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False)
    code = Column(String(20))
    number = Column(Integer, unique=True)


class Visit(Base):
    __tablename__ = "visits"
    __table_args__ = make("visits")
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False)
    shop_number = Column(Integer, ForeignKey("shops.number"))
    place = Column(String(20), unique=True)
""",
        },
        not_done=(
            "unique=True of Shop.name is not written in its class",
            "foreign keys point at shops (number)",
            "__table_args__ is no literal",
        ),
    ),
    Example(
        before={
            "app/__init__.py": "",
            "app/models.py": """import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column
from app.base import Base


class Promo(Base):
    __tablename__ = 'promos'
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    bot_id: Mapped[int] = mapped_column(sa.Integer)
    code: Mapped[str] = mapped_column(sa.String(20), unique=True)
""",
            "app/base.py": "from sqlalchemy.orm import DeclarativeBase\n\n\nclass Base(DeclarativeBase):\n    pass\n",
        },
        after={
            "app/models.py": """import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column
from app.base import Base


class Promo(Base):
    __tablename__ = 'promos'
    __table_args__ = (
        sa.UniqueConstraint('bot_id', 'code', name='uq_promos_bot_id_code'),
    )
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    bot_id: Mapped[int] = mapped_column(sa.Integer)
    code: Mapped[str] = mapped_column(sa.String(20))
""",
        },
    ),
)

"""The examples of `add-columns`: tests run them, and its page shows them."""

from __future__ import annotations

from merge_tool.codemods.base import Example

_CABINET = {
    "models": "app/models.py",
    "model": "User",
    "columns": [
        {"name": "cabinet_email", "type": "String(255)", "nullable": True},
        {"name": "cabinet_email_verified", "type": "Boolean", "nullable": False, "default": False},
        {"name": "username", "type": "String(64)"},
    ],
    "indexes": [
        {"name": "idx_users_cabinet_email", "columns": ["cabinet_email"]},
        {"name": "ix_users_cabinet_email_verified", "columns": ["cabinet_email_verified"]},
    ],
}

EXAMPLES = (
    Example(
        {
            "app/models.py": """from sqlalchemy import (
    Column,
    Integer,
    String,
)
from app.base import Base


class User(Base):
    __tablename__ = "users"

    id = Column(Integer, primary_key=True)
    username = Column(String(255))  # shown to all

    orders = relationship("Order")
"""
        },
        {
            "app/models.py": """from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    String,
    text,
)
from app.base import Base


class User(Base):
    __tablename__ = "users"
    __table_args__ = (Index("idx_users_cabinet_email", "cabinet_email"),)

    id = Column(Integer, primary_key=True)
    username = Column(String(255))  # shown to all
    cabinet_email = Column(String(255), nullable=True)
    cabinet_email_verified = Column(Boolean, default=False, server_default=text("false"), nullable=False, index=True)

    orders = relationship("Order")
"""
        },
        _CABINET,
        not_done=("User.username is there already, but it is of type String(255), not String(64)",),
    ),
    Example(
        {
            "app/models.py": """import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column


class Base: ...


class Code(Base):
    __tablename__ = 'codes'
    __table_args__ = (
        sa.UniqueConstraint('code'),
        {'schema': 'shop'},
    )
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(50))
"""
        },
        {
            "app/models.py": """from datetime import datetime
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column


class Base: ...


class Code(Base):
    __tablename__ = 'codes'
    __table_args__ = (
        sa.UniqueConstraint('code'),
        sa.Index('idx_until', 'until', unique=True),
        {'schema': 'shop'},
    )
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(50))
    until: Mapped[datetime | None] = mapped_column(sa.DateTime, nullable=True)
"""
        },
        {
            "models": "app/models.py",
            "model": "Code",
            "columns": [{"name": "until", "type": "DateTime"}],
            "indexes": [{"name": "idx_until", "columns": ["until"], "unique": True}],
        },
    ),
)

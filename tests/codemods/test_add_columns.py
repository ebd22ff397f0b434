from __future__ import annotations

import pytest

from merge_tool.errors import UserError
from tests.codemods.helpers import reasons, run

HEAD = "from sqlalchemy import Column, Integer\nfrom sqlalchemy.orm import declarative_base\n\nBase = declarative_base()\n\n\n"
EMAIL = {"name": "email", "type": "String(255)"}


def model(body: str, head: str = HEAD) -> dict[str, str]:
    return {"app/models.py": f"{head}class User(Base):\n{body}"}


def options(*columns: dict[str, object], indexes: tuple[dict[str, object], ...] = ()) -> dict[str, object]:
    return {"models": "app/models.py", "model": "User", "columns": list(columns), "indexes": list(indexes)}


def result_of(files: dict[str, str], chosen: dict[str, object]) -> str:
    result = run("add-columns", files, chosen)
    assert reasons(result) == []
    return result.texts["app/models.py"]


BODY = '    __tablename__ = "users"\n    id = Column(Integer, primary_key=True)\n'


def test_the_result_is_a_model_that_works() -> None:
    import sqlalchemy as sa

    text = result_of(
        model(BODY),
        options(
            EMAIL,
            {"name": "verified", "type": "Boolean", "nullable": False, "default": False},
            {"name": "data", "type": "postgresql.JSONB"},
            indexes=(
                {"name": "idx_email", "columns": ["email"]},
                {"name": "ix_users_verified", "columns": ["verified"]},
            ),
        ),
    )
    space: dict[str, object] = {"__name__": "models"}
    exec(text, space)
    table = space["User"].__table__  # type: ignore[attr-defined]
    assert {index.name for index in table.indexes} == {"idx_email", "ix_users_verified"}
    assert str(table.c.verified.server_default.arg) == "false"
    assert table.c.verified.default.arg is False
    assert not table.c.verified.nullable
    assert isinstance(table.c.email.type, sa.String)
    assert table.c.email.nullable


def test_a_column_of_a_base_is_there_already() -> None:
    files = {
        "app/mixins.py": "from sqlalchemy import Column, String\n\n\nclass WithEmail:\n    email = Column(String(255))\n",
        "app/models.py": HEAD + "from app.mixins import WithEmail\n\n\nclass User(WithEmail, Base):\n" + BODY,
    }
    result = run("add-columns", files, options(EMAIL))
    assert (result.texts, result.not_done) == ({}, ())


def test_a_column_that_differs_is_told_and_left() -> None:
    body = BODY + "    email = Column(Integer, nullable=False)\n"
    result = run("add-columns", model(body), options(EMAIL))
    assert result.texts == {}
    assert reasons(result) == ["User.email is there already, but it is of type Integer, not String(255)"]


def test_types_follow_the_file_s_prefix() -> None:
    head = "import sqlalchemy as sa\nfrom app.base import Base\n\n\n"
    text = result_of(
        model('    __tablename__ = "users"\n    id = sa.Column(sa.Integer, primary_key=True)\n', head),
        options(
            EMAIL,
            {"name": "ok", "type": "Boolean", "nullable": False, "default": True},
            indexes=({"name": "i", "columns": ["ok"]},),
        ),
    )
    assert "email = sa.Column(sa.String(255), nullable=True)" in text
    assert 'ok = sa.Column(sa.Boolean, default=True, server_default=sa.text("true"), nullable=False)' in text
    assert '__table_args__ = (sa.Index("i", "ok"),)' in text
    assert text.startswith(head)


def test_a_name_that_the_class_takes_is_imported_under_another() -> None:
    body = BODY + "    text = Column(Integer)\n"
    text = result_of(
        model(body), options({"name": "ok", "type": "Boolean", "nullable": False, "default": False})
    )
    assert 'server_default=sa_text("false")' in text
    assert "text as sa_text" in text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("(UniqueConstraint('id'),)", "(UniqueConstraint('id'), Index('idx_email', 'email'),)"),
        ("{'schema': 'x'}", "(Index('idx_email', 'email'), {'schema': 'x'})"),
        (
            "(UniqueConstraint('id'), {'schema': 'x'})",
            "(\n        UniqueConstraint('id'),\n        Index('idx_email', 'email'),\n        {'schema': 'x'},\n    )",
        ),
    ],
)
def test_table_arguments_grow(given: str, expected: str) -> None:
    body = f"    __tablename__ = 'users'\n    __table_args__ = {given}\n    id = Column(Integer)\n    a, b, c = '', '', ''\n"
    text = result_of(model(body), options(EMAIL, indexes=({"name": "idx_email", "columns": ["email"]},)))
    assert f"    __table_args__ = {expected}\n" in text


def test_table_arguments_that_are_no_literal_are_left() -> None:
    body = BODY + "    __table_args__ = make()\n"
    result = run("add-columns", model(body), options(indexes=({"name": "idx_id", "columns": ["id"]},)))
    assert result.texts == {}
    assert reasons(result) == ['__table_args__ is no literal: add Index("idx_id", "id") there']


def test_line_ends_and_everything_else_stay() -> None:
    text = (HEAD + "class User(Base):\n" + BODY + "    # the end\n\n\nx = 1  # last").replace("\n", "\r\n")
    new = result_of({"app/models.py": text}, options({"name": "n", "type": "Integer"}))
    assert new == text.replace(
        "primary_key=True)\r\n", "primary_key=True)\r\n    n = Column(Integer, nullable=True)\r\n"
    )


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({**options(EMAIL), "models": "gone.py"}, "no file gone.py"),
        ({**options(EMAIL), "model": "Gone"}, "no class Gone"),
        (options({"name": "x", "type": "Integer", "nullable": False}), "NOT NULL and has no default"),
        (options({"name": "x", "type": "Nope"}), "no type Nope"),
        ({**options(EMAIL), "colums": []}, "colums"),
    ],
)
def test_wrong_options_are_errors(chosen: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run("add-columns", model(BODY), chosen)

from __future__ import annotations

import ast
from typing import Any

import pytest

from merge_tool.database.heads import read_revision
from merge_tool.database.revision import (
    RevisionStyle,
    default_revision_id,
    render_revision,
    revision_filename,
    style_of,
)
from merge_tool.errors import UserError

EMAIL = {"name": "email", "type": "String(255)"}


def render(*columns: dict[str, Any], indexes: tuple[dict[str, Any], ...] = (), **options: Any) -> str:
    text = render_revision("add things", "users", columns, indexes, options.pop("down", "abc"), **options)
    ast.parse(text)
    return text


def test_downgrade_undoes_in_reverse() -> None:
    text = render(
        EMAIL, {"name": "age", "type": "Integer"}, indexes=({"name": "idx_email", "columns": ["email"]},)
    )
    down = text[text.index("def downgrade") :]
    assert down.index("drop_index") < down.index("'age'") < down.index("'email'")
    assert text.index("add_column('users', sa.Column('email'") < text.index(
        "create_index('idx_email', 'users', ['email']"
    )


def test_a_revision_reads_back() -> None:
    found = read_revision("x.py", render(EMAIL))
    assert found is not None
    assert found.parents == ("abc",)
    assert found.id == default_revision_id("add things", "abc")
    first = read_revision("x.py", render(EMAIL, down=None))
    assert first is not None
    assert first.parents == ()
    joined = read_revision("x.py", render(EMAIL, down=("a", "b")))
    assert joined is not None
    assert joined.parents == ("a", "b")


def test_the_same_input_gives_the_same_text() -> None:
    assert render(EMAIL) == render(EMAIL)
    assert default_revision_id("m", "a") != default_revision_id("m", "b") != default_revision_id("n", "b")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ({"type": "Boolean", "default": False}, "server_default=sa.text('false')"),
        ({"type": "Boolean", "default": "True"}, "server_default=sa.text('true')"),
        ({"type": "Boolean", "server_default": "0"}, "server_default=sa.text('false')"),
        ({"type": "Integer", "default": 0}, "server_default=sa.text('0')"),
        ({"type": "String(20)", "default": "active"}, "server_default='active'"),
        ({"type": "String(20)", "default": "'active'"}, "server_default='active'"),
        (
            {"type": "String(20)", "server_default": "text('lower(name)')"},
            "server_default=sa.text('lower(name)')",
        ),
        ({"type": "JSONB", "server_default": "'{}'::jsonb"}, "server_default=sa.text(\"'{}'::jsonb\")"),
        ({"type": "DateTime(timezone=True)", "server_default": "now()"}, "server_default=sa.text('now()')"),
    ],
)
def test_not_null_gets_a_server_default(column: dict[str, Any], expected: str) -> None:
    text = render({"name": "x", "nullable": False, **column})
    assert expected in text
    assert "nullable=False" in text


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"name": "x", "type": "Integer", "nullable": False}, "NOT NULL and has no default"),
        ({"name": "x", "type": "DateTime", "nullable": False, "default": "datetime.utcnow"}, "not a literal"),
        ({"name": "x", "type": "Integer", "nullable": False, "default": "settings.LIMIT"}, "not a literal"),
        ({"name": "x", "type": "Strin(3)"}, "no type Strin"),
        ({"name": "x", "type": "__import__('os').system('true')"}, "not a type"),
        ({"name": "x", "type": "String(open('x'))"}, "no type open"),
        ({"name": "x", "type": "String(a=1)"}, "does not fit"),
        ({"name": "x", "type": "Enum('a', 'b', name='e')"}, "native Enum"),
        ({"name": "x"}, "type is missing"),
        ({"type": "Integer"}, "not a plain identifier"),
        ({"name": "x; DROP TABLE y", "type": "Integer"}, "not a plain identifier"),
        ({"name": "x", "type": "Integer", "unknown": 1}, "unknown key unknown"),
        ({"name": "x", "type": "Integer", "nullable": "no"}, "nullable"),
        ({"name": "email", "type": "Integer"}, "given twice"),
    ],
)
def test_a_column_that_cannot_be_added_is_refused(column: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        render(EMAIL, column)


def test_nothing_to_do_is_refused() -> None:
    with pytest.raises(UserError, match="neither a column nor an index"):
        render()


def test_a_message_cannot_leave_the_docstring() -> None:
    text = render_revision('a """ b\n"""; import os; """ \\', "users", [EMAIL], [], None)
    tree = ast.parse(text)
    assert not any(isinstance(node, ast.Import) and node.names[0].name == "os" for node in tree.body)


def test_a_schema_is_passed_on() -> None:
    assert "schema='shop'" in render_revision("m", "shop.users", [EMAIL], [], None)


def test_plain_neighbours_give_a_plain_style() -> None:
    style = style_of(
        {"a.py": "revision = 'a'\n", "b.py": "revision = 'b'\n", "c.py": "revision: str = 'c'\n"}
    )
    assert style == RevisionStyle(annotated=False)
    text = render(EMAIL, style=style)
    assert "\nrevision = '" in text
    assert "typing" not in text


@pytest.mark.parametrize(
    ("neighbours", "expected"),
    [
        ({}, "ID_add_things.py"),
        ({"v/0a1b_first.py": "revision = '0a1b'"}, "ID_add_things.py"),
        ({"v/0001_first.py": "revision = '0001'", "v/0009_x.py": "revision = '0009'"}, "0010_add_things.py"),
        ({"v/2024_01_31_0a1b_first.py": "revision = '0a1b'"}, "2024_01_31_ID_add_things.py"),
        ({"v/first_0a1b.py": "revision: str = '0a1b'"}, "add_things_ID.py"),
        ({"v/0a1b.py": "revision = '0a1b'"}, "ID.py"),
        ({"v/__init__.py": ""}, "ID_add_things.py"),
    ],
)
def test_the_file_name_follows_its_neighbours(neighbours: dict[str, str], expected: str) -> None:
    text = render(EMAIL)
    assert revision_filename(text, neighbours) == expected.replace(
        "ID", default_revision_id("add things", "abc")
    )


def test_the_story_is_no_part_of_the_file_name() -> None:
    text = render_revision("Story 1.2: Add cabinet columns", "users", [EMAIL], [], None)
    assert revision_filename(text, {}).endswith("_add_cabinet_columns.py")
    assert len(revision_filename(render_revision("word " * 40, "users", [EMAIL], [], None), {})) < 60

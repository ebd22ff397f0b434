"""Cutting a file into the statements that change leaves every byte outside them alone."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import libcst as cst
import pytest

from merge_tool.codemods.chunks import edit_chunks, with_imports
from merge_tool.codemods.imports import ImportNeed, add_imports

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path for folder in ("merge_tool", "rules", "fixtures") for path in (ROOT / folder).rglob("*.py")
)
ODD = (
    "class A:\r\n\tx = 1\r\n\r\n\t# about f\r\n\t@property\r\n\tdef f(self):\r\n\t\treturn 1\r\n",
    "def a():\n    x = 1\n    # the end of a\n\n# about b\ndef b(): pass",
    "a = 1; b = 2\nc = '''\n# no comment\n'''; d = 4\n",
    "class A: x = 1\nclass B:\n\n    'doc'\n\n    class C:\n        def f(self): ...\n\n\n",
    "if x:\n    def f():\n        pass\nelse:\n    f = None\n",
    "# only a comment\n",
    "x = (\n    1,\n\f    2,\n)\n",
)


def rows_of(text: str) -> list[int]:
    return sorted({node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)})


@pytest.mark.parametrize(
    "text", [*ODD, *(path.read_text("utf-8") for path in random.Random(1).sample(FILES, 60))]
)
def test_a_rewrite_that_changes_nothing_gives_the_same_text(text: str) -> None:
    known = rows_of(text)
    chance = random.Random(len(text))
    for _ in range(3):
        rows = chance.sample(known, min(len(known), 4))
        seen: list[int] = []

        def same(part: str, own: range, by: int, config: cst.PartialParserConfig) -> str:
            lines = part.splitlines(True) if "\f" not in part else part.split("\n")
            for row in (item for item in rows if item in own):  # noqa: B023
                seen.append(row)  # noqa: B023
                assert lines[row - by - 1].strip() == text.splitlines(True)[row - 1].strip() or "\f" in text
            return cst.parse_module(part, config=config).code

        assert edit_chunks(text, rows, same) == text
        assert sorted(set(seen)) == sorted(set(rows))


def test_a_row_without_a_statement_is_told() -> None:
    with pytest.raises(LookupError, match="line 9"):
        edit_chunks("x = 1\n", [9], lambda part, *_: part)


@pytest.mark.parametrize("path", random.Random(2).sample(FILES, 60), ids=str)
@pytest.mark.parametrize(
    "needs",
    [
        [ImportNeed("sqlalchemy", "select")],
        [ImportNeed("typing", "Optional"), ImportNeed("app.core.tenant_context", "require_current_tenant")],
        [ImportNeed("pytest"), ImportNeed("merge_tool.model.policy", "Policy")],
    ],
    ids=["one", "two", "own"],
)
def test_imports_go_where_the_whole_file_would_have_them(path: Path, needs: list[ImportNeed]) -> None:
    text = path.read_text("utf-8")
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    whole = add_imports(cst.parse_module(text), needs, own, False, 100).code
    assert with_imports(text, needs, own, False, 100) == whole

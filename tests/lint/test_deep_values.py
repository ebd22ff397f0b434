"""A text that is put together of thousands of parts: read, kept and checked like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from merge_tool.index.reader import read_module
from merge_tool.lint.cache import Cache
from merge_tool.lint.facts_bytes import from_bytes, to_bytes
from merge_tool.lint.run import lint_paths
from merge_tool.rulekit import EXAMPLE_POLICY
from merge_tool.rulekit.facts import Unreadable

KEY = 'import redis\nclient = redis.Redis()\nclient.get("a")\n'


def deep(parts: int) -> str:
    return "def f(x):\n    q = x\n" + "    q = q.a(x)\n" * parts + "    return q\n" + KEY


@pytest.mark.parametrize("parts", [10, 400, 1500])
def test_deep_values_survive_the_way_into_the_cache(parts: int, tmp_path: Path) -> None:
    facts = read_module("a.py", deep(parts))
    assert not isinstance(facts, Unreadable)
    back = from_bytes(to_bytes(facts))
    assert back is not None
    (tmp_path / "a.py").write_text(deep(parts))
    for _ in range(2):
        result = lint_paths(
            tmp_path, ["a.py"], EXAMPLE_POLICY, select=("TK1",), cache=Cache(tmp_path / "kept")
        )
        assert [item.code for item in result.findings] == ["TK1"]

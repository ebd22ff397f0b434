"""A pytest plugin that counts what a project's tests send to the database. Loaded by name in the fork's interpreter; imports nothing of merge-tool."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

_COUNTS: Counter[str] = Counter()
_NOW = {"test": ""}


def pytest_configure(config: Any) -> None:
    """Listens to every engine that there will be."""
    del config
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    word = re.compile(rf"\b{re.escape(os.environ['MERGE_TOOL_COUNT_TABLE'])}\b", re.IGNORECASE)

    def count(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        del connection, cursor, parameters, context, many
        if _NOW["test"] and statement.lstrip("( \n").upper().startswith(("SELECT", "WITH")):
            _COUNTS[_NOW["test"]] += bool(word.search(statement))

    event.listen(Engine, "before_cursor_execute", count)


def pytest_runtest_logstart(nodeid: str) -> None:
    """No statement of a fixture counts."""
    del nodeid
    _NOW["test"] = ""


def pytest_pyfunc_call(pyfuncitem: Any) -> None:
    """The test itself begins."""
    _NOW["test"] = pyfuncitem.nodeid
    _COUNTS.setdefault(pyfuncitem.nodeid, 0)


def pytest_runtest_teardown(item: Any) -> None:
    """The test is over."""
    del item
    _NOW["test"] = ""


def pytest_unconfigure(config: Any) -> None:
    """Writes what was counted, by test."""
    del config
    Path(os.environ["MERGE_TOOL_COUNT_FILE"]).write_text(json.dumps(_COUNTS), encoding="utf-8")

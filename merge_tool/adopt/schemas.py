"""Whether a project keeps a schema of the database for each tenant, so that its rows need no tenant column."""

from __future__ import annotations

import re

from merge_tool.adopt.evidence import main_functions, place, some, speaks_of
from merge_tool.index.project import ProjectIndex
from merge_tool.rulekit.values import Attr, Call, Const, Entry, Ref, Text, Value, walk

_SQL = re.compile(r"\b(?:SET\s+(?:LOCAL\s+|SESSION\s+)?search_path|CREATE\s+SCHEMA)\b", re.IGNORECASE)
_TRANSLATES = "schema_translate_map"


def schema_doubt(index: ProjectIndex, word: str) -> str:
    """What says that each tenant has a schema of its own, for people; "" where nothing does.

    Args:
        index: the project.
        word: what the tenant is called, such as `org`; "" where that is not known: `tenant` counts then.
    """
    places = [
        place(function.path, call.span.line)
        for function in main_functions(index)
        for call in function.calls
        if _translates(call, word or "tenant") or _searches(call, word or "tenant")
    ]
    if not places:
        return ""
    return (
        f"each tenant seems to have a schema of its own ({', '.join(some(places))}), and what stands in it needs no column: "
        "rules on rows and keys of tables say little here; merge-tool validate --ignore TQ,TS,TM1,TM3,TM4,TM5 leaves them out"
    )


def _translates(call: Call, word: str) -> bool:
    """`execution_options(schema_translate_map={None: tenant})`."""
    given = [value for key, value in call.kwargs if key == _TRANSLATES]
    given += [
        item.value
        for _, value in call.kwargs
        for item in walk(value)
        if isinstance(item, Entry) and isinstance(item.key, Const) and item.key.value == _TRANSLATES
    ]
    return any(_speaks(value, word) for value in given)


def _searches(call: Call, word: str) -> bool:
    """`SET search_path TO "{tenant}"`, `CREATE SCHEMA "{tenant}"`."""
    if call.name not in ("text", "execute", "exec_driver_sql", "DDL", "CreateSchema"):
        return False
    if call.name == "CreateSchema":
        return any(_speaks(item, word) for item in call.args)
    for value in (*call.args, *(item for _, item in call.kwargs)):
        for item in walk(value):
            if not isinstance(item, Text):
                continue
            told = "".join(str(part.value) for part in item.parts if isinstance(part, Const))
            if _SQL.search(told) and _speaks(item, word):
                return True
    return False


def _speaks(value: Value, word: str) -> bool:
    for item in walk(value):
        name = item.dotted if isinstance(item, Ref) else item.name if isinstance(item, Attr | Call) else ""
        if name and speaks_of(name, word):
            return True
    return False

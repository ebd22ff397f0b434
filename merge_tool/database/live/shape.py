"""Compares two catalogs: what a downgrade and an upgrade must leave as it was."""

from __future__ import annotations

from dataclasses import replace

from merge_tool.database.live.catalog import Catalog, LiveTable


def differences(one: Catalog, two: Catalog) -> list[str]:
    """How `two` differs from `one`, one sentence a table, view or function; estimates and names of the database do not count."""
    found = []
    for name in sorted({*one.tables, *two.tables}):
        before, after = one.tables.get(name), two.tables.get(name)
        if before is None or after is None:
            found.append(f"the table {name} is {'new' if before is None else 'gone'}")
        elif _plain(before) != _plain(after):
            found.append(f"the table {name} differs in {', '.join(_parts(before, after))}")
    for kind, before_all, after_all in (
        ("view", {item.name: item for item in one.views}, {item.name: item for item in two.views}),
        ("function", {item.signature: item for item in one.functions}, {item.signature: item for item in two.functions}),
        ("sequence", {item.name: replace(item, used=0) for item in one.sequences}, {item.name: replace(item, used=0) for item in two.sequences}),
    ):  # fmt: skip
        left: dict[str, object] = dict(before_all)
        right: dict[str, object] = dict(after_all)
        found += [
            f"the {kind} {name} differs"
            for name in sorted({*left, *right})
            if left.get(name) != right.get(name)
        ]
    return found


def _plain(table: LiveTable) -> LiveTable:
    """Without the order of the columns, which a column that is taken away and added again changes."""
    return replace(table, rows=0, columns=dict(sorted(table.columns.items())))


def _parts(one: LiveTable, two: LiveTable) -> list[str]:
    parts = []
    for name in ("columns", "indexes", "foreign", "policies", "rls", "forced", "owner", "parents", "rights"):
        left, right = getattr(one, name), getattr(two, name)
        if name == "columns":
            changed = sorted(item for item in {*left, *right} if left.get(item) != right.get(item))
            parts += [f"the column {item}" for item in changed]
        elif left != right:
            parts.append(name)
    return parts

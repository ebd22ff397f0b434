"""Imports that an edit left without a use, taken out again."""

from __future__ import annotations

import ast
from typing import Any

import libcst as cst

from merge_tool.codemods.text import parse_python


def drop_unused(module: cst.Module, names: set[str]) -> cst.Module:
    """Removes the top-level imports of `names` that nothing in the file uses any more.

    Names that the file lists in `__all__`, or mentions in any other place than the import and as the key of a dict, stay.
    """
    tree = parse_python(module.code)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    keys = {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    quoted = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in keys
    }
    gone = {name for name in names if name not in used and name not in quoted}
    if not gone:
        return module
    body: list[Any] = []
    above: Any = ()
    for line in module.body:
        kept: Any = _without(line, gone) if isinstance(line, cst.SimpleStatementLine) else line
        if kept is None:
            above = above or getattr(line, "leading_lines", ())
            continue
        if above and not kept.leading_lines:
            # The empty line above the import that went now stands above what follows it.
            kept = kept.with_changes(leading_lines=above)
        above = ()
        body.append(kept)
    return module.with_changes(body=body)


def _without(line: cst.SimpleStatementLine, gone: set[str]) -> cst.SimpleStatementLine | None:
    smalls: list[cst.BaseSmallStatement] = []
    for small in line.body:
        if isinstance(small, cst.ImportFrom) and not isinstance(small.names, cst.ImportStar):
            names = [
                item for item in small.names if (item.evaluated_alias or item.evaluated_name) not in gone
            ]
            if not names:
                continue
            if len(names) < len(small.names):
                if not isinstance(small.names[-1].comma, cst.Comma) or small.lpar is None:
                    names[-1] = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
                smalls.append(small.with_changes(names=names))
                continue
        elif isinstance(small, cst.Import) and all(
            (item.evaluated_alias or item.evaluated_name.partition(".")[0]) in gone for item in small.names
        ):
            continue
        smalls.append(small)
    return line.with_changes(body=smalls) if smalls else None

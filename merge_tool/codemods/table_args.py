"""Indexes put into a `__table_args__` that is there, by libcst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst

from merge_tool.codemods.style import append, insert, line_limit, one_per_line

_START = "    __table_args__ = "


def grow_table_args(tree: cst.Module, model: str, calls: Sequence[str]) -> cst.Module:
    """`tree` with `calls` in the `__table_args__` of a class, before its closing dictionary."""

    class Grow(cst.CSTTransformer):
        inside = 0

        def on_visit(self, node: cst.CSTNode) -> bool:
            self.inside += isinstance(node, cst.ClassDef) and node.name.value == model
            return True

        def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
            self.inside -= isinstance(original_node, cst.ClassDef) and original_node.name.value == model
            if self.inside and isinstance(updated_node, cst.Assign | cst.AnnAssign):
                target = (
                    updated_node.targets[0].target
                    if isinstance(updated_node, cst.Assign)
                    else updated_node.target
                )
                if isinstance(target, cst.Name) and target.value == "__table_args__":
                    return updated_node.with_changes(value=_grown(tree, updated_node.value, calls))
            return updated_node

    return tree.visit(Grow())


def _grown(
    tree: cst.Module, value: cst.BaseExpression | None, calls: Sequence[str]
) -> cst.BaseExpression | None:
    if isinstance(value, cst.Dict):
        return cst.parse_expression(
            f"({', '.join(calls)}, {tree.code_for_node(value)})", config=tree.config_for_parsing
        )
    if not isinstance(value, cst.Tuple):
        return value
    before: Any = value.lpar[0].whitespace_after if value.lpar else cst.SimpleWhitespace("")
    closing: Any = value.rpar[0].whitespace_before if value.rpar else None
    elements = list(value.elements)
    for call in calls:
        new: cst.BaseElement = cst.Element(cst.parse_expression(call))
        if elements and isinstance(elements[-1].value, cst.Dict):
            elements = insert(elements, len(elements) - 1, new, before)
        else:
            elements, closing = append(elements, new, before, closing)
    rpar = [value.rpar[0].with_changes(whitespace_before=closing), *value.rpar[1:]] if value.rpar else ()
    grown = value.with_changes(elements=elements, rpar=rpar)
    code = tree.code_for_node(grown)
    if value.lpar and "\n" not in code and len(_START + code) > line_limit(tree.code):
        line, laid = one_per_line(elements, tree.default_indent)
        return grown.with_changes(
            elements=laid,
            lpar=[value.lpar[0].with_changes(whitespace_after=line), *value.lpar[1:]],
            rpar=[value.rpar[0].with_changes(whitespace_before=cst.SimpleWhitespace("")), *value.rpar[1:]],
        )
    return grown

"""Statements put behind others, by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from merge_tool.codemods.style import statements


class _Insert(cst.CSTTransformer):
    def __init__(
        self, module: cst.Module, code: Mapping[int, str], positions: Mapping[cst.CSTNode, CodeRange]
    ) -> None:
        super().__init__()
        self.module = module
        self.code = dict(code)
        self.positions = positions

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode | cst.FlattenSentinel[cst.BaseStatement]:
        if isinstance(original_node, cst.BaseCompoundStatement | cst.SimpleStatementLine):
            code = self.code.pop(self.positions[original_node].start.line, None)
            if code is not None:
                added: list[Any] = [updated_node, *statements(code, self.module)]
                return cst.FlattenSentinel(added)
        return updated_node


def insert_after(module: cst.Module, code: Mapping[int, str]) -> cst.Module:
    """`module` with new statements.

    Args:
        code: the statements to add, as code, by the line on which the statement before them starts (its keyword or
            first name; decorators do not count). Where several statements start on a line, the innermost counts.
    """
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    return wrapper.module.visit(_Insert(module, code, wrapper.resolve(PositionProvider)))

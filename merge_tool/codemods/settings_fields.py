"""Fields of a pydantic settings class that warn when they are read."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from merge_tool.codemods.config_helpers import LeftError
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.style import append, quote

_EQUAL = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


class Deprecate(cst.CSTTransformer):
    """Makes the values of fields `Field(default=…, deprecated=…)`."""

    def __init__(
        self, text: str, wrapper: MetadataWrapper, messages: dict[int, str], call: str, known: bool
    ) -> None:
        super().__init__()
        self.text = text
        self.tree = wrapper.module
        self.positions = wrapper.resolve(PositionProvider)
        self.messages = messages
        self.call = call
        self.known = known

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> Any:
        if not isinstance(original_node, cst.AnnAssign) or not isinstance(updated_node, cst.AnnAssign):
            return updated_node
        message = self.messages.get(self.positions[original_node].start.line)
        if message is None:
            return updated_node
        literal = quote(message, self.text)
        value = updated_node.value
        if self.known and isinstance(value, cst.Call) and self.tree.code_for_node(value.func) == self.call:
            argument = cst.Arg(cst.parse_expression(literal), cst.Name("deprecated"), equal=_EQUAL)
            arguments, _ = append(
                value.args, argument, value.whitespace_before_args, tail="whitespace_after_arg"
            )
            return updated_node.with_changes(value=value.with_changes(args=arguments))
        indent = self.tree.default_indent
        lines = (
            [f"deprecated={literal}"]
            if value is None
            else [f"default={self.tree.code_for_node(value)}", f"deprecated={literal}"]
        )
        code = "\n".join([f"{self.call}(", *(f"{indent}{line}," for line in lines), ")"])
        made = cst.parse_expression(code, config=self.tree.config_for_parsing)
        return updated_node.with_changes(value=made, equal=cst.AssignEqual())


def settings_class(names: Names, module: Module, fields: Sequence[str]) -> ast.ClassDef:
    """The settings class: the one class of the file that is a pydantic model and declares most of the fields."""
    best: tuple[int, ast.ClassDef] | None = None
    for qualname, nodes in module.classes.items():
        declared = {
            item.target.id
            for item in nodes[-1].body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        }
        count = len(declared & set(fields))
        if count and (best is None or count > best[0]):
            best = (count, nodes[-1])
        del qualname
    if best is None:
        raise LeftError(1, f"no class declares {', '.join(fields)}")
    node = best[1]
    owner = Thing("class", f"{module.name}.{module.qualname[node]}", module.path, module.qualname[node])
    bases = [
        found.dotted
        for _, holder, each in names.lineage(owner)
        for base in each.bases
        if (found := names.resolve(holder, holder.scope_of_definition(each), base))
        and found.kind == "external"
    ]
    if "pydantic.BaseSettings" in bases:
        raise LeftError(
            node.lineno, f"{node.name} is a model of pydantic 1, which knows no deprecated fields"
        )
    if not any(base.partition(".")[0] in ("pydantic", "pydantic_settings") for base in bases):
        raise LeftError(node.lineno, f"{node.name} is no pydantic model: add the warnings by hand")
    return node

"""Parameters added to signatures, in the manner of the signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libcst as cst

from merge_tool.codemods.style import append, insert, one_per_line

_TAIL = "whitespace_after_param"


@dataclass(frozen=True, slots=True)
class NewParameter:
    """A parameter to add.

    Attributes:
        name: its name.
        annotation: its annotation as code; empty: none.
        default: its default as code; empty: it is required.
        before_defaults: whether a required one goes before the first parameter with a default. Only for functions
            that nobody calls by position, as FastAPI calls; otherwise it becomes keyword-only there.
    """

    name: str
    annotation: str = ""
    default: str = ""
    before_defaults: bool = False

    def code(self) -> str:
        """It as it stands in a signature."""
        text = f"{self.name}: {self.annotation}" if self.annotation else self.name
        if not self.default:
            return text
        return f"{text} = {self.default}" if self.annotation else f"{text}={self.default}"


def add_parameter(
    function: cst.FunctionDef, new: NewParameter, limit: int = 0, indent: str = "    "
) -> cst.FunctionDef:
    """Adds a parameter where every call by position keeps its meaning (but see `before_defaults`).

    Args:
        function: the function.
        new: the parameter.
        limit: the line length past which a one-line signature is laid out with one parameter a line; 0: never.
        indent: one step of the file's indentation.
    """
    parameters = function.params
    items = _items(parameters)
    before = function.whitespace_before_params
    made = _parse(new)
    positional = [*parameters.posonly_params, *parameters.params]
    first_default = next(
        (index for index, item in enumerate(items) if isinstance(item, cst.Param) and item.default), None
    )
    star = next((index for index, item in enumerate(items) if _is_star(item)), None)
    end = next((index for index, item in enumerate(items) if getattr(item, "star", "") == "**"), len(items))
    required_late = not new.default and any(item.default for item in positional)
    if (
        required_late
        and new.before_defaults
        and first_default is not None
        and positional[-1] in parameters.params
    ):
        items = insert(items, first_default, made, before)
    elif star is not None or required_late:
        for item in (made,) if star is not None else (_STAR, made):
            items = _put(items, end, item, before)
            end += 1
    else:
        items = _put(items, end, made, before)
    bare = isinstance(before, cst.SimpleWhitespace) and not before.value
    if limit and bare and _one_line(function, items) and _length(function, items) > limit:
        before, items = one_per_line(items, indent, _TAIL)
    return function.with_changes(params=_parameters(items), whitespace_before_params=before)


_STAR = cst.Param(cst.Name("__star__"))  # stands for a bare `*` until the signature is put together


def _put(items: list[Any], at: int, item: cst.Param, before: Any) -> list[Any]:
    return insert(items, at, item, before) if at < len(items) else append(items, item, before, tail=_TAIL)[0]


def _is_star(item: Any) -> bool:
    return isinstance(item, cst.ParamStar) or getattr(item, "star", "") == "*"


def _items(parameters: cst.Parameters) -> list[Any]:
    """Everything between the brackets of a signature, in order."""
    items: list[Any] = list(parameters.posonly_params)
    if isinstance(parameters.posonly_ind, cst.ParamSlash):
        items.append(parameters.posonly_ind)
    items += parameters.params
    if not isinstance(parameters.star_arg, cst.MaybeSentinel):
        items.append(parameters.star_arg)
    items += parameters.kwonly_params
    if parameters.star_kwarg is not None:
        items.append(parameters.star_kwarg)
    return items


def _parameters(items: list[Any]) -> cst.Parameters:
    """A signature of items that `_items` gave."""
    groups: dict[str, Any] = {"params": []}
    current = "params"
    for item in items:
        if isinstance(item, cst.ParamSlash):
            groups = {"posonly_params": groups["params"], "posonly_ind": item, "params": []}
        elif isinstance(item, cst.Param) and item.name.value == "__star__":
            comma = item.comma if isinstance(item.comma, cst.Comma) else cst.Comma()
            groups["star_arg"], groups["kwonly_params"], current = (
                cst.ParamStar(comma=comma),
                [],
                "kwonly_params",
            )
        elif _is_star(item):
            groups["star_arg"], groups["kwonly_params"], current = item, [], "kwonly_params"
        elif getattr(item, "star", "") == "**":
            groups["star_kwarg"] = item
        else:
            groups[current].append(item)
    return cst.Parameters(**groups)


def _parse(new: NewParameter) -> cst.Param:
    statement = cst.parse_statement(f"def _({new.code()}): ...")
    assert isinstance(statement, cst.FunctionDef)
    return statement.params.params[0]


def _one_line(function: cst.FunctionDef, items: list[Any]) -> bool:
    """Whether the signature stands on one line."""
    code = _EMPTY.code_for_node(_head(function, items)).strip()
    return "\n" not in code and "\r" not in code


def _length(function: cst.FunctionDef, items: list[Any]) -> int:
    """The length of a one-line signature, without its block's indentation."""
    return len(_EMPTY.code_for_node(_head(function, items)).strip()) - len(" pass")


def _head(function: cst.FunctionDef, items: list[Any]) -> cst.FunctionDef:
    """The signature alone."""
    return function.with_changes(
        params=_parameters(items),
        body=cst.SimpleStatementSuite([cst.Pass()]),
        decorators=(),
        leading_lines=(),
        lines_after_decorators=(),
    )


_EMPTY = cst.Module([])

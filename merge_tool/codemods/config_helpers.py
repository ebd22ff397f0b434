"""Functions that read one tenant's configuration through the policy's getter, written as code."""

from __future__ import annotations

import ast
import builtins
import typing
from dataclasses import dataclass, field

import libcst as cst

from merge_tool.codemods.importing import bound_imports
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.scopes import Module, parameters_of
from merge_tool.codemods.style import quote
from merge_tool.errors import UserError
from merge_tool.model.policy import Policy


class LeftError(Exception):
    """A site that is left; the arguments are line and reason."""


@dataclass(frozen=True)
class Helper:
    """A function to write.

    Attributes:
        name: its name.
        returns: its return annotation, such as `Optional[str]` or `Dict[str, str]`.
        key: the key that it returns the value of.
        keys: instead of `key`, names and the keys whose values they get in the dictionary that it returns.
    """

    name: str
    returns: str
    key: str = ""
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"{self.name!r} is no name of a function")
        if bool(self.key) == bool(self.keys):
            raise ValueError(f"helper {self.name} needs either key or keys")
        try:
            ast.parse(self.returns, mode="eval")
        except (SyntaxError, ValueError) as error:
            raise ValueError(f"helper {self.name}: {self.returns!r} is no annotation") from error


@dataclass(frozen=True)
class HelperWriter:
    """Writes one helper as code."""

    text: str
    policy: Policy
    getter: ast.FunctionDef | ast.AsyncFunctionDef
    session: str
    annotation: str
    call: str
    inside: str

    def code(self, helper: Helper) -> str:
        is_async = isinstance(self.getter, ast.AsyncFunctionDef)
        parameters = (
            f"{self.session}: {self.annotation}, {self.policy.parameter}: {self.policy.parameter_type}"
        )
        lines = [f"{'async ' * is_async}def {helper.name}({parameters}) -> {helper.returns}:"]
        read = f"{'await ' * is_async}{self.call}({self.session}, {self.policy.parameter}, %s)"
        lines += [
            f"    {line}" for line in (self._one(helper, read) if helper.key else self._many(helper, read))
        ]
        return "\n".join(lines)

    def _one(self, helper: Helper, read: str) -> list[str]:
        value = read % quote(helper.key, self.text)
        optional = "Optional" in helper.returns or "None" in helper.returns
        lines = [
            f'"""The tenant\'s {helper.key}; {"None where it has none" if optional else "LookupError where it has none"}."""',
            *filter(None, [self.inside]),
        ]
        if optional and not self._to_text(helper):
            return [*lines, f"return {value}"]
        lines.append(f"value = {value}")
        if optional:
            return [*lines, "return None if value is None else str(value)"]
        error = quote(f"{helper.key} is not configured for {self.policy.parameter}=", self.text)
        lines += [
            "if value is None:",
            f"    raise LookupError(f{error[:-1]}{{{self.policy.parameter}}}{error[-1]})",
        ]
        return [*lines, f"return {'str(value)' if self._to_text(helper) else 'value'}"]

    def _many(self, helper: Helper, read: str) -> list[str]:
        pairs = [f"({quote(name, self.text)}, {quote(key, self.text)})," for name, key in helper.keys.items()]
        return [
            f'"""The tenant\'s values of {", ".join(helper.keys.values())} by their short names; those that are not set are left out."""',
            *filter(None, [self.inside]),
            f"config: {helper.returns} = {{}}",
            "for name, key in (",
            *(f"    {pair}" for pair in pairs),
            "):",
            f"    value = {read % 'key'}",
            "    if value is not None:",
            f"        config[name] = {'str(value)' if self._to_text(helper) else 'value'}",
            "return config",
        ]

    def _to_text(self, helper: Helper) -> bool:
        """Whether the value must be made text: the helper promises it, the getter does not."""
        wanted = {
            item.id for item in ast.walk(ast.parse(helper.returns, mode="eval")) if isinstance(item, ast.Name)
        }
        given = ast.unparse(self.getter.returns).replace(" ", "") if self.getter.returns else ""
        return (
            "str" in wanted
            and "Any" not in wanted
            and given not in ("str", "Optional[str]", "str|None", "None|str")
        )


def find_getter(names: Names, policy: Policy) -> tuple[Thing, Module, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The function that the policy names, where it is defined."""
    if not policy.config_getter:
        raise UserError(
            "tenant-config: the policy names no config_getter",
            hint="config_getter: app.crud.get_config_value",
        )
    found = names.find(policy.config_getter)
    module = names.module(found.path) if found and found.path else None
    nodes = module.functions.get(found.qualname, []) if module and found else []
    if found is None or module is None or not nodes:
        raise UserError(
            f"tenant-config: the project has no function {policy.config_getter}",
            hint="correct config_getter in the policy, or bring its file in first",
        )
    node = nodes[-1]
    parameters = [*node.args.posonlyargs, *node.args.args]
    if (
        "." in found.qualname
        or len(parameters) < 3
        or len(nodes) > 1
        or (node.args.kwonlyargs and None in node.args.kw_defaults)
    ):
        raise LeftError(1, f"{policy.config_getter} is no plain function of session, tenant and key")
    return found, module, node


def session_of(
    node: ast.FunctionDef | ast.AsyncFunctionDef, other: Module, module: Module, needs: list[ImportNeed]
) -> tuple[str, str]:
    """The name and the annotation of the session, as the getter has them."""
    parameter = parameters_of(node.args)[0]
    imports = bound_imports(other.tree.body, other.path)
    if isinstance(parameter.annotation, ast.Name) and parameter.annotation.id in imports:
        package, _, name = imports[parameter.annotation.id].rpartition(".")
        if name == parameter.annotation.id:
            needs.append(ImportNeed(package, name))
            return parameter.arg, name
    del module
    needs.append(ImportNeed("sqlalchemy.ext.asyncio", "AsyncSession"))
    return parameter.arg, "AsyncSession"


def imports_of(helper: Helper, bound: set[str]) -> list[ImportNeed]:
    """The imports that a return annotation needs."""
    needs = []
    for item in ast.walk(ast.parse(helper.returns, mode="eval")):
        if isinstance(item, ast.Name) and item.id not in bound and not hasattr(builtins, item.id):
            if not hasattr(typing, item.id):
                raise UserError(
                    f"tenant-config: helper {helper.name} returns {helper.returns}, and {item.id} is not known in the file"
                )
            needs.append(ImportNeed("typing", item.id))
    return needs


def is_main(node: cst.BaseStatement | cst.BaseCompoundStatement) -> bool:
    if not isinstance(node, cst.If) or not isinstance(node.test, cst.Comparison):
        return False
    return isinstance(node.test.left, cst.Name) and node.test.left.value == "__name__"

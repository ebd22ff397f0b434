"""The code of a localised text, in the way that the project looks texts up."""

from __future__ import annotations

from dataclasses import dataclass

from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.spelling import spell
from merge_tool.codemods.style import quote
from merge_tool.model.policy import Policy


@dataclass(frozen=True, slots=True)
class TextCode:
    """The code of a text, and the imports that it needs."""

    code: str
    needs: tuple[ImportNeed, ...] = ()


def localized(names: Names, module: Module, policy: Policy, meaning: str, english: str) -> TextCode:
    """The code that gives the text for a meaning such as `tenant_missing`.

    The policy names the text's key and the class or function that looks texts up. That may be a class with a static
    or class method `get`, one with an instance method `get` that is made without arguments, or a function of the key;
    where it takes a default, the English text is given. Where the project has none of these, it is the English text.
    """
    key = policy.messages.get(meaning, "")
    plain = TextCode(quote(english, module.text))
    found = names.find(policy.texts) if policy.texts and key else None
    if found is None or not found.path:
        return plain
    form = _form(names, found, quote(key, module.text), quote(english, module.text))
    spelled = spell(names, module, policy.texts)
    if not form or spelled.reason:
        return plain
    return TextCode(form.replace("\0", spelled.code), spelled.needs)


def _form(names: Names, found: Thing, key: str, english: str) -> str:
    """The call, with a null character for the name; empty: it cannot be called in a way that we know."""
    if found.kind == "function":
        function = _function(names, found)
        return (
            f"\0({_arguments(function, 0, key, english)})"
            if function is not None and _takes_key(function, 0)
            else ""
        )
    getter = names.method(found, "get") if found.kind == "class" else None
    function = _function(names, getter) if getter is not None else None
    if function is None:
        return ""
    decorators = {getattr(item, "id", "") for item in function.decorator_list}
    skipped = 0 if "staticmethod" in decorators else 1
    if not _takes_key(function, skipped):
        return ""
    arguments = _arguments(function, skipped, key, english)
    if decorators & {"staticmethod", "classmethod"}:
        return f"\0.get({arguments})"
    maker = names.method(found, "__init__")
    made = _function(names, maker) if maker is not None else None
    return f"\0().get({arguments})" if maker is None or (made is not None and _required(made, 1) == 0) else ""


def _function(names: Names, thing: Thing) -> FunctionNode | None:
    module = names.module(thing.path) if thing.path else None
    nodes = module.functions.get(thing.qualname, []) if module is not None else []
    return nodes[0] if len(nodes) == 1 else None


def _required(function: FunctionNode, skipped: int) -> int:
    positional = [*function.args.posonlyargs, *function.args.args][skipped:]
    keyword = sum(default is None for default in function.args.kw_defaults)
    return len(positional) - min(len(function.args.defaults), len(positional)) + keyword


def _takes_key(function: FunctionNode, skipped: int) -> bool:
    positional = [*function.args.posonlyargs, *function.args.args][skipped:]
    return (
        bool(positional)
        and _required(function, skipped) <= 1
        and positional[0].arg not in ("language", "lang", "locale")
    )


def _arguments(function: FunctionNode, skipped: int, key: str, english: str) -> str:
    positional = [*function.args.posonlyargs, *function.args.args][skipped:]
    takes_default = len(positional) > 1 and positional[1].arg in ("default", "fallback")
    return f"{key}, {english}" if takes_default else key

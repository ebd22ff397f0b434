"""How a file writes a name of elsewhere, and the parameter by which FastAPI fills a value, in the file's manner."""

from __future__ import annotations

from dataclasses import dataclass

from merge_tool.codemods.cycles import import_cycle
from merge_tool.codemods.fastapi_callables import depends_of_parameter
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.names import Names
from merge_tool.codemods.parameters import NewParameter
from merge_tool.codemods.scopes import FunctionNode, Module, defaults_of, parameters_of


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a file writes a dotted name, and the imports that it needs for it; `reason`: why it cannot."""

    code: str = ""
    needs: tuple[ImportNeed, ...] = ()
    reason: str = ""


def spell(names: Names, module: Module, dotted: str) -> Spelling:
    """How a file writes a dotted name: as it has it already, else by an import added at its top."""
    found = names.find(dotted)
    full = found.dotted if found else dotted
    owner, _, last = dotted.rpartition(".")
    for name, bindings in module.scope.bindings.items():
        if name != last and not any(item.name == last for item in bindings):
            continue
        written = {f"{names.absolute(module, item)}.{item.name}" for item in bindings if item.kind == "from"}
        if written == {dotted} or (name == last and module.name == owner and len(bindings) == 1):
            return Spelling(name)
        thing = names.of_bindings(module, module.scope, bindings)
        if thing is not None and thing.dotted in (full, dotted):
            return Spelling(name)
    if owner in ("fastapi", "jwt", "typing") and (bound := module.scope.bindings.get(owner)):
        thing = names.of_bindings(module, module.scope, bound)
        if thing is not None and thing.dotted == owner and bound[0].kind == "import":
            return Spelling(f"{owner}.{last}")
    if last in module.scope.bindings:
        return Spelling(reason=f"the file uses the name {last} for something else")
    if found is not None and (line := import_cycle(names, module, found.path)):
        return Spelling(reason=f"importing {owner} there would close a circle of imports ({line})")
    return Spelling(last, (ImportNeed(owner, last),))


def fastapi_parameter(
    names: Names,
    module: Module,
    function: FunctionNode,
    name: str,
    annotation: str,
    dependency: str,
    alias: str = "",
    written: str = "",
) -> tuple[NewParameter | None, list[ImportNeed], str]:
    """The parameter by which FastAPI gives a function a value, as the function's own parameters are written.

    Args:
        names: the project.
        module: the file.
        function: the function.
        name: the parameter's name.
        annotation: its type as code.
        dependency: the dotted name of the dependency.
        alias: the dotted name of an `Annotated` alias to use instead; empty: none.
        written: how the file writes the dependency, where that is known.

    Returns:
        The parameter, the imports that it needs, and otherwise the reason why it cannot be added.
    """
    if alias:
        spelled = spell(names, module, alias)
        return (
            (NewParameter(name, spelled.code, before_defaults=True) if not spelled.reason else None),
            list(spelled.needs),
            spelled.reason,
        )
    depends = spell(names, module, "fastapi.Depends")
    target = Spelling(written) if written else spell(names, module, dependency)
    if depends.reason or target.reason:
        return None, [], depends.reason or target.reason
    needs = [*depends.needs, *target.needs]
    call = f"{depends.code}({target.code})"
    if _annotated_style(names, module, function):
        annotated = spell(names, module, "typing.Annotated")
        if not annotated.reason:
            code = f"{annotated.code}[{annotation}, {call}]"
            return NewParameter(name, code, before_defaults=True), [*needs, *annotated.needs], ""
    return NewParameter(name, annotation, call), needs, ""


def _annotated_style(names: Names, module: Module, function: FunctionNode) -> bool:
    """Whether the function, or else its file, writes dependencies into `Annotated[…]`."""
    for scope in ([function], [item for items in module.functions.values() for item in items]):
        written = inside = 0
        for item in scope:
            defaults = set(defaults_of(item.args))
            for parameter in parameters_of(item.args):
                if depends_of_parameter(names, module, item, parameter.arg) is not None:
                    written += 1
                    inside += parameter.arg not in defaults
        if written:
            return inside == written
    return False

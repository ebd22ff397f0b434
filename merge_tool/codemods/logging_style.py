"""How a file logs, and a logger for one that does not."""

from __future__ import annotations

import ast

from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.names import Names
from merge_tool.codemods.places import start_of
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.style import quote


def warning(names: Names, module: Module, edits: FileEdits, message: str, values: dict[str, str]) -> str:
    """The code of a warning with values, in the file's manner; gives the file a logger where it has none.

    Args:
        names: the project.
        module: the file.
        edits: its edits, to which a logger is added if need be.
        message: the message, without the values.
        values: the code of each value by its name.
    """
    logger, structured = _logger(names, module) or (_add_logger(module, edits), False)
    if structured:
        given = "".join(f", {name}={code}" for name, code in values.items())
        return f"{logger}.warning({quote(message, module.text)}{given})"
    form = message + ":" * bool(values) + ",".join(f" {name}=%s" for name in values)
    return f"{logger}.warning({quote(form, module.text)}{''.join(f', {code}' for code in values.values())})"


def _logger(names: Names, module: Module) -> tuple[str, bool] | None:
    """The logger at the top of a file, and whether it takes values by keyword."""
    for name, bindings in module.scope.bindings.items():
        value = bindings[0].value
        if len(bindings) != 1:
            continue
        if isinstance(value, ast.Call):
            thing = names.resolve(module, module.scope, value.func)
            written = ast.unparse(value.func)
            dotted = thing.dotted if thing else written
            if written.rpartition(".")[2] in ("getLogger", "get_logger", "get_stdlib_logger"):
                return name, dotted.startswith("structlog") or written == "get_logger"
        thing = names.of_bindings(module, module.scope, bindings)
        if thing is not None and thing.dotted == "loguru.logger":
            return name, False
    return None


def _add_logger(module: Module, edits: FileEdits) -> str:
    need = ImportNeed("logging")
    if need not in edits.imports:
        edits.imports.append(need)
        code = "\nlogger = logging.getLogger(__name__)"
        last = next(
            (item for item in reversed(_top(module)) if isinstance(item, (ast.Import, ast.ImportFrom))), None
        )
        if last is not None:
            edits.after.setdefault(start_of(module.text, last), []).append(code)
        else:
            first = next(item for item in module.tree.body if not _is_docstring(item))
            edits.before.setdefault(start_of(module.text, first), []).append(code)
    return "logger"


def _top(module: Module) -> list[ast.stmt]:
    """The statements at the top of a file up to the first definition."""
    found = []
    for statement in module.tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            break
        found.append(statement)
    return found


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)

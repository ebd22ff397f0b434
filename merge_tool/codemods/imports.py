"""Imports added to a file in the file's own manner: into an import of that module, else near its kin."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst

from merge_tool.codemods.style import append, insert, one_per_line, statements


@dataclass(frozen=True, slots=True)
class ImportNeed:
    """A name that a file needs: `from module import name [as asname]`, or `import module` where `name` is empty."""

    module: str
    name: str = ""
    asname: str = ""


def add_imports(
    module: cst.Module, needs: Sequence[ImportNeed], own: str, package: bool, limit: int
) -> cst.Module:
    """Adds the imports that are not there yet.

    Args:
        module: the file.
        needs: the names, each with its absolute module.
        own: the file's dotted name, which relative imports start from.
        package: whether the file is an `__init__.py`.
        limit: the line length past which a one-line import is put in brackets.
    """
    for need in dict.fromkeys(needs):
        module = _add(module, need, own, package, limit)
    return module


def _add(module: cst.Module, need: ImportNeed, own: str, package: bool, limit: int) -> cst.Module:
    body: list[Any] = list(module.body)
    for index, line in enumerate(body):
        for position, small in enumerate(line.body if isinstance(line, cst.SimpleStatementLine) else ()):
            if (
                need.name
                and isinstance(small, cst.ImportFrom)
                and _absolute(small, own, package) == need.module
            ):
                if isinstance(small.names, cst.ImportStar) or any(
                    _is(item, need.name, need.asname) for item in small.names
                ):
                    return module
                smalls: list[Any] = list(line.body)
                smalls[position] = _with_name(small, need, limit, module)
                body[index] = line.with_changes(body=smalls)
                return module.with_changes(body=body)
            if (
                not need.name
                and isinstance(small, cst.Import)
                and any(_is(item, need.module) for item in small.names)
            ):
                return module
    written = _written(module, need, own, package)
    alias = f" as {need.asname}" if need.asname else ""
    code = f"from {written} import {need.name}{alias}" if need.name else f"import {need.module}"
    (new,) = statements(code, module)
    at, blank = _place(body, need, written, own)
    after: Any = body[at] if at < len(body) else None
    if blank:
        new = new.with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    elif after is not None and _is_import(after) and _opens(body, at, written, own):
        # It comes before the first import of its group: the lines above that one now stand above the new one.
        new = new.with_changes(leading_lines=after.leading_lines)
        top = own.partition(".")[0]
        apart = _group(written, top) != _key(after.body[0], top)[0] and _separated(body)
        body[at] = after.with_changes(leading_lines=[cst.EmptyLine(indent=False)] if apart else ())
    body.insert(at, new)
    if after is not None and not _is_import(after):
        body[at + 1] = _spaced(after)
    return module.with_changes(body=body)


def _is(alias: cst.ImportAlias, name: str, asname: str = "") -> bool:
    return alias.evaluated_name == name and (alias.evaluated_alias or "") == asname


def _dots(small: cst.ImportFrom) -> tuple[int, str]:
    name = cst.Module([]).code_for_node(small.module).replace(" ", "") if small.module is not None else ""
    return len(small.relative), name


def _absolute(small: cst.ImportFrom, own: str, package: bool) -> str:
    level, name = _dots(small)
    if not level:
        return name
    parts = own.split(".")
    keep = max(len(parts) - level + (1 if package else 0), 0)
    return ".".join([*parts[:keep], *([name] if name else [])])


def _with_name(small: cst.ImportFrom, need: ImportNeed, limit: int, module: cst.Module) -> cst.ImportFrom:
    """The import with one more name: in its order where the names are sorted, else at the end."""
    assert not isinstance(small.names, cst.ImportStar)
    items = list(small.names)
    known = [item.evaluated_name for item in items]
    name = need.name
    alias = cst.ImportAlias(cst.Name(name), cst.AsName(cst.Name(need.asname)) if need.asname else None)
    before: Any = small.lpar.whitespace_after if small.lpar is not None else cst.SimpleWhitespace("")
    closing: Any = small.rpar.whitespace_before if small.rpar is not None else None
    order = next((key for key in (str, str.lower) if known == sorted(known, key=key)), None)
    at = sum(order(item) < order(name) for item in known) if order and len(known) > 1 else len(items)
    if at < len(items):
        items = insert(items, at, alias, before)
    else:
        items, closing = append(items, alias, before, closing)
    made = small.with_changes(names=items)
    if small.rpar is not None:
        return made.with_changes(rpar=small.rpar.with_changes(whitespace_before=closing))
    code = module.code_for_node(made)
    if len(code) <= limit or "\\" in code:
        return made
    before, items = one_per_line(
        [item.with_changes(comma=cst.MaybeSentinel.DEFAULT) for item in items], module.default_indent
    )
    return made.with_changes(names=items, lpar=cst.LeftParen(whitespace_after=before), rpar=cst.RightParen())


def _written(module: cst.Module, need: ImportNeed, own: str, package: bool) -> str:
    """The module as this file would write it: relative where its imports of that package are relative."""
    if not own or not need.name:
        return need.module
    parts = own.split(".")
    here = parts if package else parts[:-1]
    target = need.module.split(".")
    for small in _from_imports(module):
        level, _ = _dots(small)
        anchor = here[: len(here) - level + 1] if level else []
        if level and anchor and target[: len(anchor)] == anchor:
            common = 0
            while common < min(len(here), len(target)) and here[common] == target[common]:
                common += 1
            return "." * (len(here) - common + 1) + ".".join(target[common:])
    return need.module


def _from_imports(module: cst.Module) -> list[cst.ImportFrom]:
    return [
        small
        for line in module.body
        if isinstance(line, cst.SimpleStatementLine)
        for small in line.body
        if isinstance(small, cst.ImportFrom)
    ]


def _is_import(line: Any) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and all(
        isinstance(item, (cst.Import, cst.ImportFrom)) for item in line.body
    )


def _place(body: list[Any], need: ImportNeed, written: str, own: str) -> tuple[int, bool]:
    """Where a new import goes among those at the top, and whether a blank line goes before it.

    Imports stand in groups: future, standard library, other packages, the project's own, relative ones.
    """
    top = own.partition(".")[0]
    wanted = (_group(written, top), bool(need.name), written)
    known: list[tuple[int, tuple[int, bool, str]]] = []
    for index, line in enumerate(body):
        if _is_import(line):
            known.append((index, _key(line.body[0], top)))
        elif known and not isinstance(line, (cst.If, cst.Try)):
            break
    kin = [(index, key) for index, key in known if key[0] == wanted[0]]
    mixed = _mixed_run(body, known, wanted[0])
    if mixed:
        plain = [index for index, key in mixed if not key[1]]
        if need.name or not plain:
            return (mixed[-1][0] + 1 if need.name else mixed[0][0]), False
        return plain[-1] + 1, False
    if kin:
        same = [(index, key) for index, key in kin if key[1] == wanted[1]]
        if not same:
            return (kin[-1][0] + 1 if need.name else kin[0][0]), False
        keys = [key for _, key in same]
        earlier = [index for index, key in same if key < wanted] if keys == sorted(keys) else [same[-1][0]]
        return (earlier[-1] + 1 if earlier else same[0][0]), False
    before = [index for index, key in known if key[0] < wanted[0]]
    if before:
        return before[-1] + 1, True
    if known:
        return known[0][0], False
    start = 1 if body and _docstring(body[0]) else 0
    return start, bool(start)


def _mixed_run(
    body: list[Any], known: list[tuple[int, tuple[int, bool, str]]], group: int
) -> list[tuple[int, tuple[int, bool, str]]]:
    """The paragraph of imports for a group, where that paragraph holds several groups in no order; else nothing."""
    runs: list[list[tuple[int, tuple[int, bool, str]]]] = []
    for index, key in known:
        if not runs or any(line.comment is None for line in body[index].leading_lines):
            runs.append([])
        runs[-1].append((index, key))
    of_group = [run for run in runs if any(key[0] == group for _, key in run)]
    run = of_group[0] if of_group else runs[0] if runs and group < 3 else []
    groups = [key[0] for _, key in run]
    return run if groups != sorted(groups) else []


def _separated(body: list[Any]) -> bool:
    """Whether the file keeps its groups of imports apart with empty lines: one group, or an empty line between."""
    imports = [line for line in body if _is_import(line)]
    return len(imports) == 1 or any(
        item.comment is None for line in imports[1:] for item in line.leading_lines
    )


def _opens(body: list[Any], at: int, written: str, own: str) -> bool:
    """Whether an import put at `at` becomes the first of its group, before others of it."""
    top = own.partition(".")[0]
    group = _group(written, top)
    ahead = body[at - 1] if at else None
    if ahead is None or not _is_import(ahead):
        return True
    return _key(ahead.body[0], top)[0] != group and _key(body[at].body[0], top)[0] == group


def _key(small: cst.Import | cst.ImportFrom, top: str) -> tuple[int, bool, str]:
    if isinstance(small, cst.Import):
        name = small.names[0].evaluated_name
        return (_group(name, top), False, name)
    dots, name = _dots(small)
    return (_group("." * dots + name, top), True, "." * dots + name)


def _group(name: str, top: str) -> int:
    if name.startswith("."):
        return 4
    first = name.partition(".")[0]
    if name == "__future__":
        return 0
    return 1 if first in sys.stdlib_module_names else 3 if first == top else 2


def _docstring(line: Any) -> bool:
    return (
        isinstance(line, cst.SimpleStatementLine)
        and isinstance(line.body[0], cst.Expr)
        and isinstance(line.body[0].value, (cst.SimpleString, cst.ConcatenatedString))
    )


def _spaced(line: Any) -> Any:
    """A statement with at least one empty line before it."""
    lines = list(getattr(line, "leading_lines", ()))
    if any(item.comment is None for item in lines):
        return line
    return line.with_changes(leading_lines=[cst.EmptyLine(indent=False), *lines])

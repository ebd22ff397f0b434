"""Lets the unique keys of a tenant's table hold within the tenant.

Before::

    class PromoCode(Base):
        __tablename__ = "promo_codes"
        bot_id = Column(Integer, nullable=False)
        code = Column(String(32), unique=True, index=True)

After::

    class PromoCode(Base):
        __tablename__ = "promo_codes"
        __table_args__ = (UniqueConstraint("bot_id", "code", name="uq_promo_codes_bot_id_code"),)
        bot_id = Column(Integer, nullable=False)
        code = Column(String(32), index=True)

Of `unique=True`, `UniqueConstraint` and unique `Index`, those that rule TM4 takes for errors: what is unique by nature (tokens, UUIDs), what
a payment system gave out, and keys that a foreign key to another tenant's table holds within one tenant stay as they are. The conflict targets of upserts
(`index_elements`) that name the same columns get the tenant too. `enable-rls` and `tenant-migration` swap the keys in the database. Left to a person: keys
that foreign keys point at, columns that stand in a base or a mixin, and `__table_args__` that is no literal.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

import libcst as cst

from merge_tool.codemods.base import Codemod, NoOptions, Project
from merge_tool.codemods.edits import EditError, FileEdits, apply_edits
from merge_tool.codemods.importing import bound_imports, bound_names, dotted
from merge_tool.codemods.model_edits import Work, put_table_args, written
from merge_tool.codemods.models import style_of, targets_of, value_of
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import in_order
from merge_tool.codemods.places import span_of
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.style import quote
from merge_tool.codemods.uniques_examples import EXAMPLES
from merge_tool.index.project import ProjectIndex
from merge_tool.model.source import CodemodResult, Edit, NotDone
from merge_tool.rulekit import GlobalKey, global_keys

Rewrite: TypeAlias = Callable[[cst.BaseExpression], cst.BaseExpression]
_MAKERS = frozenset(("Column", "mapped_column", "Field"))
_UPSERTS = frozenset(("on_conflict_do_update", "on_conflict_do_nothing"))


@dataclass
class _Run:
    """One run: what is found on the way."""

    project: Project
    column: str
    works: dict[tuple[str, str], Work] = field(default_factory=dict)
    left: list[NotDone] = field(default_factory=list)
    changed: dict[str, set[frozenset[str]]] = field(default_factory=dict)  # by class, the columns of its keys


class TenantUniques(Codemod):
    """See the module."""

    name: ClassVar[str] = "tenant-uniques"
    Options: ClassVar[type] = NoOptions
    unsafe: ClassVar[str] = "the models ask for keys that only a revision gives to the tables"

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on the models of the chosen files, and on the upserts of all."""
        names = Names(project.files)
        chosen = set(project.chosen(paths))
        run = _Run(project, project.policy.column)
        tables = ProjectIndex.build(project.files, project.policy).schema()
        pointed = {
            (item.foreign, item.refers) for table in tables for item in table.columns.values() if item.foreign
        }
        for found in global_keys(tables, project.policy):
            line = found.key.span.line
            if found.doubt or found.key.path not in chosen or not project.wants(found.key.path, line, line):
                continue
            if any((found.table.table, name) in pointed for name in found.key.columns):
                shown = ", ".join(found.key.columns)
                reason = f"foreign keys point at {found.table.table} ({shown}), so it stays unique over all tenants"
                run.left.append(NotDone(found.key.path, line, self.name, reason))
                continue
            if reason := self._change(run, names, found):
                run.left.append(NotDone(found.key.path, line, self.name, reason))
        texts: dict[str, str] = {}
        edits: list[Edit] = []
        for path in sorted({path for path, _ in run.works}):
            works = [work for (where, _), work in run.works.items() if where == path]
            module = names.module(path)
            assert module is not None  # a work was made of it
            try:
                texts.update(written(module, works))
            except EditError as error:
                run.left.append(NotDone(path, 1, self.name, str(error)))
                continue
            for work in works:
                edits += work.edits
                run.left += work.not_done
        edits += self._upserts(run, names, texts)
        return CodemodResult(texts, tuple(dict.fromkeys(edits)), in_order(run.left))

    # ---- models --------------------------------------------------------------------------------------------

    def _change(self, run: _Run, names: Names, found: GlobalKey) -> str:
        """Notes the edits for one key; else why it is left to a person."""
        table, key = found.table, found.key
        module = names.module(key.path)
        nodes = module.classes.get(table.name, []) if module is not None else []
        if module is None or table.path != key.path or len(nodes) != 1:
            return (
                f"the key stands outside of the class {table.name}, in a base or a mixin: change it by hand"
            )
        node = nodes[0]
        work = run.works.get((key.path, table.name)) or Work(
            key.path,
            table.name,
            module.text,
            node,
            style_of(module.tree, node),
            bound_imports(module.tree.body, key.path),
            bound_names(module.tree),
        )
        alone = table.columns.get(key.columns[0])
        if alone is not None and alone.unique and key.span == alone.span:
            why = self._flag(run, work, module, found)
        else:
            why = self._listed(run, work, module, found)
        if not why:
            run.works[(key.path, table.name)] = work
            run.changed.setdefault(table.name, set()).add(frozenset(key.columns))
        return why

    def _flag(self, run: _Run, work: Work, module: Module, found: GlobalKey) -> str:
        """`unique=True` of a column becomes a constraint of the table."""
        name, table = found.key.columns[0], found.table.table
        call = _flagged(work.node, name)
        if call is None:
            return f"unique=True of {work.model}.{name} is not written in its class: change it by hand"
        called = f"uq_{table.rpartition('.')[2]}_{run.column}_{name}"
        columns = ", ".join(quote(item, module.text) for item in (run.column, name))
        code = f"UniqueConstraint({columns}, name={quote(called, module.text)})"
        said = f"{work.model}.{name} is unique within {run.column}"
        if not put_table_args(work, {code: said}, self.name):
            return work.not_done.pop().reason
        work.file.rewrites[span_of(module.text, call)] = _without_unique
        return ""

    def _listed(self, run: _Run, work: Work, module: Module, found: GlobalKey) -> str:
        """The tenant goes in front of the columns of a constraint or index that `__table_args__` lists."""
        for call, first in _listed_keys(work.node):
            names = [str(item.value) for item in call.args[first:] if isinstance(item, ast.Constant)]
            if names != list(found.key.columns) or len(names) != len(call.args) - first:
                continue
            work.file.rewrites[span_of(module.text, call)] = _with_column(
                quote(run.column, module.text), first
            )
            said = f"{work.model}: UNIQUE ({', '.join(names)}) holds within {run.column}"
            work.edits.append(Edit(work.path, call.lineno, self.name, said))
            return ""
        return f"UNIQUE ({', '.join(found.key.columns)}) is not written as a literal in {work.model}: change it by hand"

    # ---- upserts -------------------------------------------------------------------------------------------

    def _upserts(self, run: _Run, names: Names, texts: dict[str, str]) -> Iterator[Edit]:
        """Gives the conflict targets of the keys that changed the tenant, wherever they stand."""
        for path in sorted(run.project.files) if run.changed else ():
            if not any(word in run.project.files[path] for word in _UPSERTS):
                continue
            module = names.module(path)
            if module is None:
                continue
            file, found = FileEdits(), []
            text = texts.get(path, module.text)
            tree = module.tree if text is module.text else ast.parse(text)
            for call, target in _targets(tree):
                models = {item.id for item in ast.walk(call) if isinstance(item, ast.Name)} & set(run.changed)
                columns = frozenset(_name(item) for item in target.elts)
                if not any(columns in run.changed[model] for model in models):
                    continue
                first = target.elts[0]
                new = (
                    f"{dotted(first).rpartition('.')[0]}.{run.column}"
                    if isinstance(first, ast.Attribute)
                    else quote(run.column, text)
                )
                file.rewrites[span_of(text, target)] = _with_element(new)
                found.append(Edit(path, target.lineno, self.name, f"conflict target within {run.column}"))
            try:
                if found:
                    texts[path] = apply_edits(text, file, module.name, module.package)
            except EditError as error:
                run.left.append(NotDone(path, found[0].line, self.name, str(error)))
                continue
            yield from found


def _flagged(node: ast.ClassDef, name: str) -> ast.Call | None:
    """The call that makes a column `unique=True` in a class body; None where no such stands there."""
    for item in node.body:
        call = value_of(item)
        if not isinstance(call, ast.Call) or dotted(call.func).rpartition(".")[2] not in _MAKERS:
            continue
        first = call.args[0] if call.args else None
        called = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
        if name not in (called, *([] if called else targets_of(item))):
            continue
        if any(
            word.arg == "unique" and isinstance(word.value, ast.Constant) and word.value.value is True
            for word in call.keywords
        ):
            return call
    return None


def _listed_keys(node: ast.ClassDef) -> Iterator[tuple[ast.Call, int]]:
    """The calls in the literal `__table_args__` of a class that make unique keys, and where their columns begin."""
    given = next((item for item in node.body if "__table_args__" in targets_of(item)), None)
    value = value_of(given) if given is not None else None
    for item in value.elts if isinstance(value, ast.Tuple | ast.List) else ():
        if not isinstance(item, ast.Call):
            continue
        called = dotted(item.func).rpartition(".")[2]
        if called == "UniqueConstraint":
            yield item, 0
        elif called == "Index" and any(
            word.arg == "unique" and isinstance(word.value, ast.Constant) and word.value.value is True
            for word in item.keywords
        ):
            yield item, 1


def _targets(tree: ast.Module) -> Iterator[tuple[ast.Call, ast.List]]:
    """The calls that name a conflict target as a list, with the list."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _UPSERTS:
            for word in node.keywords:
                if word.arg == "index_elements" and isinstance(word.value, ast.List) and word.value.elts:
                    yield node, word.value


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return node.attr if isinstance(node, ast.Attribute) else ""


def _without_unique(node: cst.BaseExpression) -> cst.BaseExpression:
    assert isinstance(node, cst.Call)
    args = [item for item in node.args if item.keyword is None or item.keyword.value != "unique"]
    if args and len(args) < len(node.args) and node.args[-1] not in args:
        args[-1] = args[-1].with_changes(
            comma=node.args[-1].comma, whitespace_after_arg=node.args[-1].whitespace_after_arg
        )
    return node.with_changes(args=args)


def _with_column(code: str, at: int) -> Rewrite:
    """A call with one more argument before the one at a place."""

    def changed(node: cst.BaseExpression) -> cst.BaseExpression:
        assert isinstance(node, cst.Call)
        behind = node.args[at].comma
        comma = (
            behind
            if isinstance(behind, cst.Comma)
            else cst.Comma(cst.SimpleWhitespace(""), cst.SimpleWhitespace(" "))
        )
        new = cst.Arg(cst.parse_expression(code), comma=comma)
        return node.with_changes(args=[*node.args[:at], new, *node.args[at:]])

    return changed


def _with_element(code: str) -> Rewrite:
    """A list with one more element in front."""

    def changed(node: cst.BaseExpression) -> cst.BaseExpression:
        assert isinstance(node, cst.List)
        comma = cst.Comma(cst.SimpleWhitespace(""), cst.SimpleWhitespace(" "))
        return node.with_changes(
            elements=[cst.Element(cst.parse_expression(code), comma=comma), *node.elements]
        )

    return changed


__all__ = ["CODEMOD", "EXAMPLES", "TenantUniques"]

CODEMOD = TenantUniques

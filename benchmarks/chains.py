"""What stands around a condition: its step, its statement, and what else of that statement still holds the tenant."""

from __future__ import annotations

import ast

from merge_tool.index.project import ProjectIndex

CONDITION_STEPS = frozenset(("where", "filter", "having", "filter_by"))
WRITES = frozenset(("update", "delete", "insert"))
HEADS = WRITES | {"select", "query", "exists"}
HANDLES = frozenset(
    ("cls", "model", "self.model", "self._model", "model_cls", "model_class", "entity", "table")
)


class Chains:
    """One file's tree, read for the conditions of its statements."""

    def __init__(self, index: ProjectIndex, path: str, source: str) -> None:
        self.index = index
        self.path = path
        self.source = source
        self.column = index.policy.column
        self.tree = ast.parse(source)
        self.parents = {
            id(child): node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }
        # The parser counts columns in bytes, the text is cut by characters.
        self.starts = [0]
        for line in source.split("\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.rows = source.split("\n")

    def _held(self, node: ast.expr, around: ast.expr) -> str:
        """The table whose tenant column an expression is, "" for none."""
        if not isinstance(node, ast.Attribute) or node.attr != self.column:
            return ""
        owner = ast.unparse(node.value).removesuffix(".c")
        if owner.rpartition(".")[2][:1].isupper() or owner in HANDLES:
            return owner
        return (
            owner if self._step(around) is not None and owner.isidentifier() and self._is_alias(owner) else ""
        )

    def _is_alias(self, name: str) -> bool:
        return any(
            isinstance(node, ast.Assign)
            and any(isinstance(item, ast.Name) and item.id == name for item in node.targets)
            and any(
                word in ast.unparse(node.value) for word in ("aliased(", ".subquery(", ".cte(", ".alias(")
            )
            for node in ast.walk(self.tree)
        )

    def _step(self, node: ast.AST) -> ast.Call | None:
        """The `.where(…)` or join that a condition stands in."""
        item: ast.AST | None = node
        while item is not None and not isinstance(item, ast.stmt):
            name = (
                item.func.attr if isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) else ""
            )
            if isinstance(item, ast.Call) and (name in CONDITION_STEPS or "join" in name):
                return item
            item = self.parents.get(id(item))
        return None

    def _twin(self, node: ast.AST, own: ast.AST) -> str:
        """Another predicate on the tenant of the same table in the same chain of conditions, that always holds."""
        step = node if isinstance(node, ast.Call) and own is not node else self._step(node)
        if step is None:
            return ""
        mine = ast.unparse(own.value if isinstance(own, ast.keyword) else own)
        chain: ast.AST | None = step
        while isinstance(self.parents.get(id(chain)), ast.Attribute | ast.Call):
            chain = self.parents[id(chain)]
        for item in ast.walk(chain) if chain is not None else ():
            if not isinstance(item, ast.Compare) or item is own or ast.unparse(item) != mine:
                continue
            if self._step(item) is not None and self._select_of(item) is self._select_of(own):
                return f"the same condition stands at line {item.lineno} too"
        return ""

    def _is_loose(self, node: ast.AST) -> bool:
        """Whether taking a condition away leaves the statement no looser, or not surely so."""
        item = self.parents.get(id(node))
        while item is not None and not isinstance(item, ast.stmt):
            name = ast.unparse(item.func).rpartition(".")[2] if isinstance(item, ast.Call) else ""
            loose = isinstance(item, ast.UnaryOp) or (
                isinstance(item, ast.BinOp) and isinstance(item.op, ast.BitOr)
            )
            if loose or name in ("or_", "not_", "case"):
                return True
            if name in CONDITION_STEPS:
                return False
            item = self.parents.get(id(item))
        return False

    def _held_by(self, node: ast.AST, owner: str) -> str:
        """Another tenant condition of the same chain that reaches the table along foreign keys written out in it."""
        head = self._select_of(node)
        if head is None:
            return ""
        chain: ast.AST = head
        while isinstance(self.parents.get(id(chain)), ast.Attribute | ast.Call):
            parent = self.parents[id(chain)]
            if isinstance(parent, ast.Call) and parent.func is not chain:
                break
            chain = parent
        held: dict[str, int] = {}
        ties: list[tuple[str, str]] = []
        for item in ast.walk(chain):
            if not isinstance(item, ast.Compare) or item is node or not isinstance(item.ops[0], ast.Eq):
                continue
            if self._select_of(item) is not head or self._is_loose(item):
                continue
            left, right = item.left, item.comparators[0]
            names = [
                ast.unparse(side.value) if isinstance(side, ast.Attribute) else "" for side in (left, right)
            ]
            tables = [name for name in names if name and self._is_table(name, node)]
            if len(tables) == 2:
                if self._is_foreign_key(left, right):
                    ties.append((tables[0], tables[1]))
            elif (self._held(left, item) or self._held(right, item)) and not self._in_outer(item):
                held[self._held(left, item) or self._held(right, item)] = item.lineno
        reached = {owner}
        for _ in ties:
            for left_name, right_name in ties:
                if left_name in reached or right_name in reached:
                    reached |= {left_name, right_name}
        lines = [line for name, line in held.items() if name in reached]
        return (
            f"a foreign key ties it to a table that is held in the same statement at line {lines[0]}"
            if lines
            else ""
        )

    def _is_table(self, name: str, node: ast.AST) -> bool:
        return name.rpartition(".")[2][:1].isupper() or (name.isidentifier() and self._is_alias(name))

    def _is_foreign_key(self, left: ast.expr, right: ast.expr) -> bool:
        for side in (left, right):
            if not isinstance(side, ast.Attribute):
                return False
            name = self.index.resolve(self.path, ast.unparse(side.value), self.index.modules[self.path].top)
            model = self.index.models.by_name.get(name)
            if (model is None and side.attr.endswith("_id")) or (
                model is not None and side.attr in model.foreign_keys
            ):
                return True
        return False

    def _in_outer(self, node: ast.AST) -> bool:
        step = self._step(node)
        return step is not None and isinstance(step.func, ast.Attribute) and "outer" in step.func.attr

    def _select_of(self, node: ast.AST) -> ast.AST | None:
        """The head of the chain that a condition belongs to: `select(…)`."""
        step: ast.AST | None = self._step(node)
        while isinstance(step, ast.Call) and isinstance(step.func, ast.Attribute):
            if step.func.attr in HEADS and step.args:
                break
            step = step.func.value
        return step

"""Threads values through calls: plans which functions get which parameters, and what every call must pass.

A function and all its callers change together or not at all: where one caller cannot be mended, the new required
parameter would break it, so the function is left, with everything that only it would have needed, and the site is
reported. Calls in tests do not hold a function back: they fail loudly there, and are reported.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.fastapi_callables import has_dependencies, route_decorators
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.names import Names
from merge_tool.codemods.parameters import NewParameter
from merge_tool.codemods.places import span_of, start_of
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.spelling import fastapi_parameter, spell
from merge_tool.codemods.thread_checks import cannot_await, cannot_take, is_test
from merge_tool.codemods.thread_context import question, write_question
from merge_tool.codemods.thread_nodes import Node, Passing, forwards, optional, passes
from merge_tool.codemods.uses import Use, uses_of
from merge_tool.codemods.values import (
    Source,
    Value,
    dependency_for,
    from_request,
    functions_around,
    parameter_for,
    source_at,
)
from merge_tool.model.source import Edit, NotDone


class Threading:
    """A plan to thread values to some functions.

    Args:
        names: the project.
        codemod: the codemod's name, for what is reported.
        values: the values by name.
        context: the dotted name of the function that gives the tenant of the context, or raises. Where it is given, no
            function is left because of a caller: one that a framework calls asks the context, and one that has a
            caller who cannot pass the tenant asks it where none was passed.
    """

    def __init__(self, names: Names, codemod: str, values: Sequence[Value], context: str = "") -> None:
        self.names = names
        self.codemod = codemod
        self.context = context
        self.values = {value.name: value for value in values}
        self.nodes: dict[ast.AST, Node] = {}
        self.roots: list[Node] = []
        self.edits: list[Edit] = []
        self.not_done: list[NotDone] = []

    def add(
        self, module: Module, function: FunctionNode, values: Sequence[str] = (), made_async: bool = False
    ) -> None:
        """Plans one function: it gets the values named (default: all), and is made async where `made_async`."""
        node = self._node(module, function)
        self.roots.append(node)
        for name in values or self.values:
            self._need(node, self.values[name])
        if made_async:
            self._await(node)

    def local_name(self, function: FunctionNode, value: str) -> str:
        """The parameter by which a planned function has a value."""
        return self.nodes[function].names[value]

    def blocked(self) -> bool:
        """Whether one of the functions added cannot be done."""
        self._spread()
        return any(node.blocked for node in self.roots)

    def collect(self, edits: dict[str, FileEdits], together: bool = False) -> set[ast.AST]:
        """Adds the plan's edits to those of the files, and fills `edits` and `not_done`.

        Args:
            edits: edits by path, added to.
            together: whether nothing is done where one of the functions added cannot be.

        Returns:
            The functions added that are done.
        """
        self._spread()
        failed = together and any(node.blocked for node in self.roots)
        done: set[ast.AST] = set()
        waiting = [] if failed else [node for node in self.roots if not node.blocked]
        for root in self.roots:
            self._report_blocked(root)
        # Functions that have the value already are mended with the rest: only calls of them change.
        waiting += (
            [] if failed else [node for node in self.nodes.values() if node.followed and not node.blocked]
        )
        while waiting:
            node = waiting.pop()
            if node.function in done:
                continue
            done.add(node.function)
            waiting += [*self._emit(node, edits), *(self.nodes[caller] for caller in node.needs)]
        self.edits.sort(key=lambda item: (item.path, item.line, item.description))
        self.not_done = sorted(set(self.not_done), key=lambda item: (item.path, item.line, item.reason))
        return {node.function for node in self.roots if node.function in done}

    # ---- planning ----

    def _node(self, module: Module, function: FunctionNode) -> Node:
        if function not in self.nodes:
            uses = self.uses(module, function)
            routes = route_decorators(self.names, module, function)
            called = bool(routes and all(item.sure for item in routes)) or any(
                use.kind in ("depends", "route") for use in uses
            )
            called = called or has_dependencies(self.names, module, function)
            self.nodes[function] = Node(module, function, uses, called)
        return self.nodes[function]

    def uses(self, module: Module, function: FunctionNode) -> list[Use]:
        """Where a function is used."""
        return uses_of(self.names, module, function)

    def cannot_take(self, node: Node, name: str) -> str:
        """Why a function cannot get a parameter of that name; empty: it can."""
        return cannot_take(self.names, node.module, node.function, name, node.fastapi)

    def source(self, module: Module, call: ast.Call, value: Value, fastapi: frozenset[ast.AST]) -> Source:
        """Where a call gets a value from."""
        return source_at(self.names, module, call, value, fastapi)

    def _need(self, node: Node, value: Value) -> None:
        """Plans one value of one function, and of its callers."""
        if value.name in node.done:
            return
        node.done.add(value.name)
        held = parameter_for(value, node.function) or (value.name if node.forwards else "")
        name = node.names[value.name] = held or value.name
        if (
            held
            and node.fastapi
            and value.trusted
            and from_request(self.names, node.module, node.function, held)
        ):
            self._block(
                node,
                node.module,
                node.function,
                f"{held} of {node.label} comes from the request, so the client would choose the tenant",
            )
            node.lost = True
        if not held:
            self._plan_parameter(node, value)
        soft = bool(held or value.default)
        for use in node.uses:
            if use.kind in ("call", "partial") and use.call is not None and use.module is not None:
                if passes(use, node, name, held):
                    self._follow(use.module, use.call, value)
                else:
                    self._pass(node, use.module, use.call, value, name, soft)
            elif use.kind not in ("depends", "route") and not node.fastapi:
                self._refuse(
                    node, use, f"{node.label} is passed on as a value, and who calls it is not known", soft
                )

    def _follow(self, module: Module, call: ast.Call, value: Value) -> None:
        """Goes on from a call that passes the value to the function around it, whose own callers may not."""
        for function in functions_around(module.scope_of[call]):
            if parameter_for(value, function) == value.name or forwards(call, function):
                caller = self._node(module, function)
                caller.forwards = forwards(call, function)
                caller.followed = True
                self._need(caller, value)
                return

    def _plan_parameter(self, node: Node, value: Value) -> None:
        reason = self.cannot_take(node, value.name)
        if reason:
            self._block(node, node.module, node.function, reason)
            return
        needs: list[ImportNeed] = []
        for dotted in value.imports:
            spelled = spell(self.names, node.module, dotted)
            if spelled.reason:
                self._block(node, node.module, node.function, spelled.reason)
            needs += spelled.needs
        if not node.fastapi:
            annotation = value.annotation
            if annotation.endswith(" | None"):
                annotation = optional(node.module, annotation.removesuffix(" | None"))
            node.added[value.name] = (NewParameter(value.name, annotation, value.default), needs)
            return
        dependency = dependency_for(self.names, node.module, value)
        if not dependency:
            reason = f"no FastAPI dependency that gives {value.name} is known"
            self._block(node, node.module, node.function, f"{reason}: name one in the policy or the options")
            return
        made, more, reason = fastapi_parameter(
            self.names, node.module, node.function, value.name, value.annotation, dependency
        )
        if made is None:
            self._block(node, node.module, node.function, reason)
            return
        node.added[value.name] = (made, [*needs, *more])

    def _pass(self, node: Node, module: Module, call: ast.Call, value: Value, name: str, soft: bool) -> None:
        """Plans what one call passes. `soft`: the call works as it is, so it holds nothing back."""
        around = functions_around(module.scope_of[call])
        fastapi = frozenset(item for item in around if self._node(module, item).fastapi)
        source = self.source(module, call, value, fastapi)
        reason = source.reason
        if source.owner is not None and is_test(module.path):
            reason = f"no {value.name} is known there"
        if reason:
            self._block_at(node, module, call, reason, soft)
            return
        if source.owner is not None:
            if not soft:
                node.needs.add(source.owner)
            self._need(self._node(module, source.owner), value)
        else:
            self._follow(module, call, value)
        passing = node.passing.setdefault(call, Passing(module, call))
        passing.keywords[name] = (source.code or value.name, source.owner)

    def _await(self, node: Node) -> None:
        """Plans that a function becomes async and its calls awaited."""
        if "async" in node.done or isinstance(node.function, ast.AsyncFunctionDef):
            return
        node.done.add("async")
        node.made_async = True
        if reason := cannot_await(self.names, node.module, node.function, node.fastapi):
            self._block(node, node.module, node.function, reason)
        for use in node.uses:
            if use.kind in ("depends", "route"):
                continue
            if use.kind != "call" or use.call is None or use.module is None:
                self._refuse(node, use, f"{node.label} becomes async, and who calls it here is not known")
                continue
            self._await_call(node, use.module, use.call)

    def _await_call(self, node: Node, module: Module, call: ast.Call) -> None:
        scope = module.scope_of[call]
        around = scope.function()
        reason = ""
        if isinstance(module.parents.get(call), ast.Await):
            reason = "it is awaited already although the function is not async"
        elif scope.kind == "comprehension" and any(
            isinstance(item, ast.GeneratorExp) for item in module.ancestors(call)
        ):
            reason = "await in a generator expression would make it asynchronous"
        elif around is None or not isinstance(around.node, FunctionNode):
            reason = "the call cannot be awaited: no function is around it"
        elif isinstance(around.node, ast.FunctionDef):
            if is_test(module.path):
                node.left.append(
                    NotDone(module.path, call.lineno, self.codemod, f"{node.label} is async now: await it")
                )
                return
            node.needs.add(around.node)
            self._await(self._node(module, around.node))
        if reason:
            self._block_at(node, module, call, reason)
            return
        node.passing.setdefault(call, Passing(module, call)).awaited = True

    # ---- what cannot be done ----

    def _refuse(self, node: Node, use: Use, value_reason: str, soft: bool = False) -> None:
        reason = use.reason if use.kind in ("unsure", "broken") else value_reason
        if use.kind not in ("unsure", "broken", "call", "partial") and not is_test(use.path):
            node.own = True
        found = NotDone(use.path, use.line, self.codemod, reason)
        (node.left if soft or is_test(use.path) else node.blocked).append(found)

    def _block(self, node: Node, module: Module, function: FunctionNode, reason: str) -> None:
        node.blocked.append(NotDone(module.path, function.lineno, self.codemod, reason))
        node.own = True

    def _block_at(self, node: Node, module: Module, call: ast.Call, reason: str, soft: bool = False) -> None:
        reason = f"the call of {node.label} cannot be mended: {reason}"
        found = NotDone(module.path, call.lineno, self.codemod, reason)
        (node.left if soft or is_test(module.path) else node.blocked).append(found)

    def _spread(self) -> None:
        """Blocks every function one of whose callers is blocked, for all the reasons that there are."""
        changed = True
        while changed:
            changed = False
            for node in self.nodes.values() if self.context else ():
                if node.blocked and not node.lost:
                    self._ask(node)
            for node in self.nodes.values():
                if node.asked is not None:
                    continue
                reasons = {item for caller in node.needs for item in self.nodes[caller].blocked} - set(
                    node.blocked
                )
                if reasons:
                    node.blocked += sorted(reasons, key=lambda item: (item.path, item.line, item.reason))
                    changed = True

    def _ask(self, node: Node) -> None:
        """Lets a blocked function ask the context: in place of a parameter, or where a caller passed none."""
        value = next((self.values[name] for name in node.names), None)
        if value is None or len(node.names) > 1 or not value.trusted or node.made_async:
            return
        fallback = not node.own
        asked = question(self.names, node.module, node.function, value.name, self.context, fallback)
        if asked is None or (fallback and not (node.added or value.default)):
            return
        node.asked = asked
        if fallback:
            node.left += [
                replace(item, reason=f"{item.reason}; it asks the context") for item in node.blocked
            ]
        node.blocked, node.needs = [], set()
        if not fallback:
            node.added, node.passing = {}, {}
            return
        for name, (new, needs) in node.added.items():
            annotation = optional(node.module, new.annotation)
            node.added[name] = (replace(new, annotation=annotation, default="None"), needs)

    def _report_blocked(self, root: Node) -> None:
        if root.blocked:
            self.not_done += root.blocked
            where = ", ".join(dict.fromkeys(f"{item.path}:{item.line}" for item in root.blocked[:5]))
            reason = f"{root.label} is left with all its callers, because of {where}"
            self.not_done.append(NotDone(root.module.path, root.function.lineno, self.codemod, reason))

    # ---- edits ----

    def _emit(self, node: Node, edits: dict[str, FileEdits]) -> list[Node]:
        """Adds one function's edits; returns the callers that its calls take a new parameter of."""
        module = node.module
        start = start_of(module.text, node.function)
        if node.added or node.made_async:
            own = edits.setdefault(module.path, FileEdits())
            for new, needs in node.added.values():
                own.parameters.setdefault(start, []).append(new)
                own.imports += needs
            what = [f"takes {', '.join(node.added)}"] if node.added else []
            if node.made_async:
                own.made_async.add(start)
                what.append("is async")
            if node.asked is not None:
                what.append("asks the context where none was passed")
            self.edits.append(
                Edit(module.path, node.function.lineno, self.codemod, f"{node.label} {' and '.join(what)}")
            )
        if node.asked is not None:
            if not node.added:
                told = f"{node.label} asks the context for {node.asked.name}"
                self.edits.append(Edit(module.path, node.function.lineno, self.codemod, told))
            write_question(node.asked, module, node.function, edits.setdefault(module.path, FileEdits()))
        callers: list[Node] = []
        for passing in node.passing.values():
            keywords = {}
            for name, (code, owner) in passing.keywords.items():
                if owner is not None and (caller := self.nodes[owner]).blocked:
                    self.not_done += caller.blocked
                    continue
                keywords[name] = code
                callers += [self.nodes[owner]] if owner is not None else []
            if not keywords and not passing.awaited:
                continue
            change = edits.setdefault(passing.module.path, FileEdits()).call(
                span_of(passing.module.text, passing.call)
            )
            change.keywords |= keywords
            change.awaited = change.awaited or passing.awaited
            what = [f"passes {', '.join(keywords)}"] if keywords else []
            what += ["is awaited"] if passing.awaited else []
            text = f"the call of {node.label} {' and '.join(what)}"
            self.edits.append(Edit(passing.module.path, passing.call.lineno, self.codemod, text))
        self.not_done += node.left
        return callers

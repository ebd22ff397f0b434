"""Brings tests along with functions that take the tenant: their calls, their fakes, and the context that they run in.

Before::

    async def test_show(monkeypatch):
        async def fake_get_user(db, user_id):
            return "Ann"

        monkeypatch.setattr("app.service.get_user", fake_get_user)
        assert await show(None, 1) == "Ann"

After, where `get_user` and `show` take `bot_id` now::

    async def test_show(monkeypatch):
        async def fake_get_user(db, user_id, bot_id=None):
            return "Ann"

        monkeypatch.setattr("app.service.get_user", fake_get_user)
        assert await show(None, 1, bot_id=1) == "Ann"

A fake is a function, method or lambda of a test that stands for a function of the project that takes the tenant: it has its name, or it is
put in its place by `setattr`, `patch`, an assignment, a keyword (`SimpleNamespace(get_user=…)`) or an entry of a dict. It gets an optional
parameter, so that what it is called with before and after does. Calls get the `tenant` of the options. With `conftest`, a fixture that every
test uses sets the tenant's context by the policy's `context.setters`. Assertions are never changed: those on the arguments of a mock
are left to a person.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import libcst as cst

from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.outcome import in_order, made
from merge_tool.codemods.parameters import NewParameter
from merge_tool.codemods.places import span_of, start_of
from merge_tool.codemods.scopes import FunctionNode, Module, defaults_of, parameters_of
from merge_tool.codemods.thread_checks import is_test
from merge_tool.codemods.thread_tests_examples import EXAMPLES
from merge_tool.errors import UserError
from merge_tool.model.source import CodemodResult, Edit, NotDone

# Methods of Python's own types: what an unknown object's call of that name reaches is anybody's guess.
_COMMON = frozenset(name for kind in (dict, list, set, str, bytes, tuple) for name in dir(kind)) | {"close", "start", "stop", "run", "send", "execute"}  # fmt: skip
_ASSERTED = ("assert_called_with", "assert_called_once_with", "assert_awaited_with", "assert_awaited_once_with", "assert_any_call", "assert_any_await", "assert_has_calls", "assert_has_awaits")  # fmt: skip


@dataclass(frozen=True)
class ThreadTestsOptions:
    """What `thread-tests` takes.

    Attributes:
        tenant: the tenant that tests work as, as code.
        conftest: the file that gets the fixture; empty: none.
        fixture: the fixture's name.
    """

    tenant: str = "1"
    conftest: str = ""
    fixture: str = "tenant_context"


@dataclass(frozen=True)
class _Taking:
    """The functions of one name that are no tests': how many take the tenant, must be given it, and do not take it."""

    optional: int = 0
    required: int = 0
    without: int = 0


class ThreadTests(Codemod):
    """See the module."""

    name: ClassVar[str] = "thread-tests"
    Options: ClassVar[type] = ThreadTestsOptions
    options: ThreadTestsOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on those of the chosen files that are tests."""
        parameter = project.policy.parameter
        names = Names(project.files)
        taking = _taking(names, parameter)
        edits: dict[str, FileEdits] = {}
        done: list[Edit] = []
        left: list[NotDone] = []
        for path in project.chosen(paths):
            if not is_test(path):
                continue
            module = names.module(path)
            if module is None:
                left.append(NotDone(path, 1, self.name, names.broken[path]))
                continue
            work = _FileWork(names, module, taking, parameter, self.options.tenant)
            work.run()
            if work.edits:
                edits[path] = work.edits
            done += [Edit(path, line, self.name, what) for line, what in work.done]
            left += [NotDone(path, line, self.name, why) for line, why in work.left]
        if self.options.conftest:
            done += self._fixture(project, names, edits)
        return made(project, names, self.name, edits, done, in_order(left), together=False)

    def _fixture(self, project: Project, names: Names, edits: dict[str, FileEdits]) -> list[Edit]:
        """The fixture that sets the context, unless it is there."""
        path, setters = self.options.conftest, project.policy.context.setters
        if not setters:
            raise UserError(
                f"codemod {self.name}: conftest: the policy names no function that sets the tenant's context",
                hint="name it under context.setters",
            )
        module = names.module(path) if path in project.files else None
        if module is None:
            raise UserError(
                f"codemod {self.name}: conftest: the project has no file {path} that can be read",
                hint="write its path from the root, and make it if there is none",
            )
        if self.options.fixture in module.functions:
            return []
        owner, _, setter = setters[0].rpartition(".")
        own = edits.setdefault(path, FileEdits())
        last = module.tree.body[-1] if module.tree.body else None
        if last is None:
            raise UserError(
                f"codemod {self.name}: conftest: {path} is empty", hint="write a docstring into it"
            )
        own.imports.append(ImportNeed("pytest", ""))
        own.after.setdefault(start_of(module.text, last), []).append(
            f"@pytest.fixture(autouse=True)\n"
            f"def {self.options.fixture}():\n"
            f'    """Every test runs in the context of one tenant."""\n'
            f"    from {owner} import {setter}\n\n"
            f"    {setter}({self.options.tenant})\n"
        )
        return [Edit(path, last.lineno, self.name, f"every test runs as tenant {self.options.tenant}")]


def _taking(names: Names, parameter: str) -> dict[str, _Taking]:
    """The names of functions that take the tenant."""
    found: dict[str, _Taking] = {}
    for path in names.files:
        if is_test(path) or not (module := names.module(path)):
            continue
        for functions in module.functions.values():
            for function in functions:
                old = found.get(function.name, _Taking())
                if not any(item.arg == parameter for item in parameters_of(function.args)):
                    found[function.name] = _Taking(old.optional, old.required, old.without + 1)
                elif _must(function, parameter):
                    found[function.name] = _Taking(old.optional, old.required + 1, old.without)
                else:
                    found[function.name] = _Taking(old.optional + 1, old.required, old.without)
    return {name: item for name, item in found.items() if item.optional or item.required}


def _must(function: FunctionNode, parameter: str) -> bool:
    """Whether a call must pass the tenant: it has no default, or only FastAPI can make something of it."""
    default = defaults_of(function.args).get(parameter)
    if default is None:
        return True
    return isinstance(default, ast.Call) and ast.unparse(default.func).rpartition(".")[2] in (
        "Depends",
        "Security",
    )


class _FileWork:
    """One run on one test file."""

    def __init__(
        self, names: Names, module: Module, taking: dict[str, _Taking], parameter: str, tenant: str
    ) -> None:
        self.names = names
        self.module = module
        self.taking = taking
        self.parameter = parameter
        self.tenant = tenant
        self.edits = FileEdits()
        self.done: list[tuple[int, str]] = []
        self.left: list[tuple[int, str]] = []

    def run(self) -> None:
        """Finds the fakes, then the calls."""
        fakes: dict[ast.AST, str] = {}
        for functions in self.module.functions.values():
            for function in functions:
                if function.name in self.taking and not function.name.startswith("test"):
                    fakes[function] = function.name
        for name, value in self._put_in_place():
            for fake in self._functions_in(value):
                fakes.setdefault(fake, name)
        for fake, name in fakes.items():
            self._take(fake, name)
        for call in self.module.calls():
            self._call(call)

    # ---- fakes ----

    def _put_in_place(self) -> Iterator[tuple[str, ast.expr]]:
        """What is put in the place of a function that takes the tenant, with that one's name."""
        for node in ast.walk(self.module.tree):
            match node:
                case ast.Call(args=args, keywords=words):
                    named = [_last(item) for item in args if _last(item) in self.taking]
                    for name in named[:1]:
                        others = [item for item in args if not isinstance(item, ast.Constant)]
                        yield from ((name, item) for item in (*others[:2], *(word.value for word in words)))
                    yield from ((word.arg, word.value) for word in words if word.arg in self.taking)
                case ast.Dict(keys=keys, values=values):
                    for key, value in zip(keys, values, strict=True):
                        if key is not None and _last(key) in self.taking:
                            yield _last(key), value
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        if isinstance(target, ast.Attribute) and target.attr in self.taking:
                            yield target.attr, value

    def _functions_in(self, value: ast.expr) -> Iterator[ast.AST]:
        """The functions of this file that an expression hands over: itself, or inside a mock's call."""
        match value:
            case ast.Lambda():
                yield value
            case ast.Name():
                found = self.module.scope_of[value].find(value.id)
                for binding in found[1] if found is not None else ():
                    if isinstance(binding.node, FunctionNode):
                        yield binding.node
                    elif isinstance(binding.value, ast.Lambda):
                        yield binding.value
            case ast.Call(args=args, keywords=words):
                for item in (*args, *(word.value for word in words)):
                    yield from self._functions_in(item)

    def _take(self, fake: ast.AST, name: str) -> None:
        assert isinstance(fake, FunctionNode | ast.Lambda)
        if fake.args.kwarg is not None or any(
            item.arg == self.parameter for item in parameters_of(fake.args)
        ):
            return
        if isinstance(fake, ast.Lambda):
            self.edits.rewrites[span_of(self.module.text, fake)] = _taking_lambda(self.parameter)
        else:
            start = start_of(self.module.text, fake)
            self.edits.parameters[start] = [NewParameter(self.parameter, "", "None")]
        self.done.append((fake.lineno, f"the fake of {name} takes {self.parameter}"))

    # ---- calls ----

    def _call(self, call: ast.Call) -> None:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in _ASSERTED and isinstance(call.func, ast.Attribute):
            mocked = _last_name(call.func.value)
            if mocked in self.taking:
                self.left.append(
                    (call.lineno, f"{mocked} is called with {self.parameter} now: look at {name}")
                )
            return
        if name not in self.taking or any(word.arg in (self.parameter, None) for word in call.keywords):
            return
        if any(isinstance(item, ast.Starred) for item in call.args):
            return
        thing = self.names.resolve(self.module, self.module.scope_of[call], call.func)
        if thing is not None and thing.path:
            target = self._target(thing)
            if target is None or not _must(target, self.parameter) or self._given(call, target, thing):
                return
        elif thing is not None or not self._surely(call, name):
            return
        self.edits.call(span_of(self.module.text, call)).keywords[self.parameter] = self.tenant
        self.done.append((call.lineno, f"the call of {name} passes {self.parameter}"))

    def _target(self, thing: Thing) -> FunctionNode | None:
        """The function of the project that a call reaches, where it takes the tenant and is no test's."""
        module = self.names.module(thing.path)
        found = module.functions.get(thing.qualname, []) if module is not None else []
        if is_test(thing.path) or len(found) != 1:
            return None
        takes = any(item.arg == self.parameter for item in parameters_of(found[0].args))
        return found[0] if takes else None

    def _given(self, call: ast.Call, target: FunctionNode, thing: Thing) -> bool:
        """Whether a call passes the tenant by its position."""
        positional = [item.arg for item in (*target.args.posonlyargs, *target.args.args)]
        if self.parameter not in positional:
            return False
        bound = "." in thing.qualname and positional[:1] in (["self"], ["cls"])
        return len(call.args) + bound > positional.index(self.parameter)

    def _surely(self, call: ast.Call, name: str) -> bool:
        """Whether a call on an object that is not known can only mean functions that must be given the tenant."""
        item = self.taking[name]
        if not isinstance(call.func, ast.Attribute) or name in _COMMON:
            return False
        return bool(item.required) and not item.optional and not item.without


def _last(node: ast.expr) -> str:
    """The last part of a dotted name that is written as text; "" where it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.rpartition(".")[2]
    return ""


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _taking_lambda(parameter: str) -> Callable[[cst.BaseExpression], cst.BaseExpression]:
    def write(node: cst.BaseExpression) -> cst.BaseExpression:
        assert isinstance(node, cst.Lambda)
        added = cst.Param(
            cst.Name(parameter),
            default=cst.Name("None"),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        )
        params = node.params
        late = not isinstance(params.star_arg, cst.MaybeSentinel)
        grown = (
            params.with_changes(kwonly_params=[*params.kwonly_params, added])
            if late
            else params.with_changes(params=[*params.params, added])
        )
        return node.with_changes(params=grown, whitespace_after_lambda=cst.SimpleWhitespace(" "))

    return write


__all__ = ["CODEMOD", "EXAMPLES", "ThreadTests"]

CODEMOD = ThreadTests

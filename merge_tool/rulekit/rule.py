"""What a rule is: one class in one file, its page in the file's docstring, its examples beside it."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from merge_tool.model.policy import ContextPolicy, KeyPolicy, Policy, RoutePolicy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit.facts import ModuleFacts
from merge_tool.rulekit.project import Project

SECTIONS = ("What it does", "Why is this bad?", "Example", "Use instead", "Not reported")


# The policy that examples are read with; an example may replace fields of it.
EXAMPLE_POLICY = Policy(
    name="example",
    column="bot_id",
    parameter="bot_id",
    claim="bot_id",
    context=ContextPolicy(
        getters=("app.tenancy.get_current_tenant",),
        requirers=("app.tenancy.require_current_tenant",),
        session_factories=("app.tenancy.get_tenant_session",),
    ),
    routes=RoutePolicy(dependencies=("app.tenancy.get_current_tenant",), public=("/health",)),
    keys=KeyPolicy(global_keys=("maintenance:*",)),
    excluded_gateways=("platega",),
)


@dataclass(frozen=True, slots=True)
class Expected:
    """One finding that an invalid example must give: its line (from 1), a part of its message, its severity if not the rule's."""

    line: int
    message: str = ""
    severity: Severity | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Valid:
    """Code that a rule must say nothing of.

    Attributes:
        code: the file that is checked.
        project: other files of the project, by path.
        policy: fields of the policy that differ from `EXAMPLE_POLICY`, by name.
        path: where the checked file lies.
    """

    code: str
    project: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, object] = field(default_factory=dict)
    path: str = "app/checked.py"


@dataclass(frozen=True, slots=True)
class Invalid:
    """Code in which a rule must find exactly `expected`, in order of place."""

    code: str
    expected: tuple[Expected, ...]
    project: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, object] = field(default_factory=dict)
    path: str = "app/checked.py"


class Rule:
    """A rule. A rule file defines one subclass.

    Attributes:
        code: what suppressions and `--select` name, such as `TQ1`.
        name: the bad pattern, so that "allow <name>" reads as a sentence: `unscoped-select`.
        severity: of its findings where it does not say otherwise.
        on_migrations: whether it also reports on Alembic revisions that the policy's `unchecked_paths` leave out of
            every other rule, where no paths are named.
        meta: whether the machinery itself finds it (suppressions, unreadable files).
        VALID, INVALID: the examples; a test runs them all.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    meta: ClassVar[bool] = False  # found by the linters' machinery itself; `check` finds nothing
    on_migrations: ClassVar[bool] = False
    VALID: ClassVar[tuple[Valid, ...]] = ()
    INVALID: ClassVar[tuple[Invalid, ...]] = ()

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Finds the bad pattern in one file.

        Args:
            module: the file's facts.
            index: the whole project's.
            policy: what a tenant is in it.

        Returns:
            findings; one may lie in another file than `module` where the flow leads there. The runner drops doubles.
        """
        raise NotImplementedError

    def found(
        self,
        path: str,
        span: Span,
        message: str,
        *,
        severity: Severity | None = None,
        reason: Iterable[str] = (),
    ) -> Diagnostic:
        """A finding of this rule."""
        return Diagnostic(self.code, severity or self.severity, path, span, message, reason=tuple(reason))

    @classmethod
    def page(cls) -> str:
        """The rule's page: the docstring of its file."""
        module = sys.modules.get(cls.__module__)
        return inspect.cleandoc((module.__doc__ if module is not None else None) or "")

    @classmethod
    def title(cls) -> str:
        """The page's first line."""
        return cls.page().partition("\n")[0].rstrip(".")

    @classmethod
    def sections(cls) -> dict[str, str]:
        """The page's sections by heading."""
        found: dict[str, str] = {}
        parts = re.split(
            rf"^({'|'.join(re.escape(name) for name in SECTIONS)})\n", cls.page(), flags=re.MULTILINE
        )
        for heading, body in zip(parts[1::2], parts[2::2], strict=False):
            found[heading] = re.sub(r"^-{3,}\n", "", body).strip("\n")
        return found

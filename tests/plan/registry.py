"""A small registry of actions, so that these tests need none of those that run; and a plan that is right."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import yaml

from merge_tool.errors import PlanError
from merge_tool.model.plan import Plan
from merge_tool.plan.load import parse_plan


@dataclass(frozen=True)
class Branch:
    kind: ClassVar[str] = "branch"
    name: str
    start: str = "fork"


@dataclass(frozen=True)
class Backup:
    branch: str
    database: bool = True


@dataclass(frozen=True)
class Fetch:
    remote: str = ""
    branch: str = ""


@dataclass(frozen=True)
class Copy:
    paths: tuple[str, ...]
    inventory: str = ""
    expect: int | None = None


@dataclass(frozen=True)
class Merge:
    paths: tuple[str, ...] = ()
    take: Literal["", "theirs", "ours"] = ""


@dataclass(frozen=True)
class CherryPick:
    commits: tuple[str, ...]


@dataclass(frozen=True)
class Codemod:
    name: str
    paths: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True)
class Migration:
    message: str
    table: str
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True)
class Validate:
    select: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    fail_on: Literal["new", "all", "none"] = "new"


@dataclass(frozen=True)
class Run:
    nodes: tuple[str, ...] = ()
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    path: str
    template: str


ACTIONS: dict[str, type] = {
    "branch": Branch,
    "backup": Backup,
    "fetch": Fetch,
    "copy": Copy,
    "merge": Merge,
    "cherry_pick": CherryPick,
    "codemod": Codemod,
    "migration": Migration,
    "validate": Validate,
    "test": Run,
    "document": Document,
}

GOOD = """\
version: 1
title: Good
policy: generic
upstream: {remote: upstream, branch: main}
git: {merge_branch: "merge/{date}"}
exclusions:
  commits:
    - {commit: "9bd1944b", reason: not ours}
  paths:
    - {pattern: "vendor/**", reason: not ours}
phases:
  - number: 0
    title: Setup
    stories:
      - id: "0.1"
        title: First
        files: [app/a.py]
        actions:
          - branch: {name: "merge/{date}"}
          - copy: {paths: ["app/a.py"]}
      - id: "0.2"
        title: Second
        depends_on: ["0.1"]
        batches: {count: 2, patterns: ["app/**"], checkpoints: ["0.3"]}
        actions:
          - merge: {paths: ["app/**"]}
          - cherry_pick: {commits: ["2156f630"]}
      - id: "0.3"
        title: Third
        depends_on: ["0.2#1"]
        estimate_hours: 2
        actions:
          - validate: {select: [TQ1]}
        criteria:
          - id: "0.3.1"
            given: a
            when: b
            then: c
            check: {test: {nodes: ["tests/test_a.py::test_x"]}}
"""


def good() -> Plan:
    """The good plan, loaded."""
    return parse_plan(GOOD.encode(), "plan.yaml", ACTIONS)


def changed(**top: Any) -> dict[str, Any]:
    """The good plan's data with other values at its top."""
    data: dict[str, Any] = copy.deepcopy(yaml.safe_load(GOOD))
    data.update(top)
    return data


def error_of(text: str) -> PlanError:
    """The error that a plan's text gives."""
    try:
        parse_plan(
            text.encode("utf-8", "surrogatepass"),
            "plan.yaml",
            ACTIONS,
            codemod_names={"tenant-jwt", "filter-query"},
        )
    except PlanError as error:
        return error
    raise AssertionError("the plan was taken")

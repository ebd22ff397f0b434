"""The JSON Schemas take what the loader takes, and refuse what it refuses for its shape."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from merge_tool.actions.registry import action_types
from merge_tool.bundled import bundled
from merge_tool.plan.policy import policy_names
from merge_tool.plan.schema import DRAFT, plan_schema, policy_schema
from tests.plan.registry import ACTIONS, changed


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DRAFT
    return Draft202012Validator(schema)


def test_bundled_plan() -> None:
    data = yaml.safe_load(bundled("phases.yaml").read_text("utf-8"))
    schema = _validator(plan_schema(action_types(), codemod_names=["tenant-jwt"]))
    assert [error.json_path for error in schema.iter_errors(data)] == []
    assert "tenant-jwt" in str(schema.schema)


@pytest.mark.parametrize("name", policy_names())
def test_bundled_policies(name: str) -> None:
    data = yaml.safe_load((bundled("rules/policies") / f"{name}.yaml").read_text("utf-8"))
    assert list(_validator(policy_schema()).iter_errors(data)) == []


def _story(**keys: Any) -> dict[str, Any]:
    return changed(phases=[{"number": 0, "title": "t", "stories": [{"id": "0.1", "title": "t", **keys}]}])


@pytest.mark.parametrize(
    "action",
    [
        {"merge": {"paths": ["x"]}},
        {"kind": "merge", "paths": ["x"]},
        "merge",
        {"merge": None},
        {"kind": "merge"},
        {"copy": {"paths": []}},
    ],
)
def test_forms_of_an_action(action: Any) -> None:
    assert _validator(plan_schema(ACTIONS)).is_valid(_story(actions=[action]))


@pytest.mark.parametrize(
    "data",
    [
        changed(version=2),
        changed(polcy="x"),
        changed(phases=[]),
        changed(title=3),
        _story(estimate_hours=-1),
        _story(risk="hihg"),
        _story(files="x"),
        _story(batches={"count": 0, "patterns": ["a"]}),
        _story(actions=[{"merge": {"pats": ["x"]}}]),
        _story(actions=[{"kind": "merge", "pats": ["x"]}]),
        _story(actions=["copy"]),
        _story(actions=[{"copy": None}]),
        _story(actions=[{"mrge": {}}]),
        _story(
            actions=[{"migration": {"message": "m", "table": "t", "columns": [{"name": "a", "typ": "b"}]}}]
        ),
        _story(criteria=[{"id": "1", "given": "a", "when": "b", "then": "c", "check": {"tests": {}}}]),
    ],
)
def test_what_has_another_shape(data: dict[str, Any]) -> None:
    assert not _validator(plan_schema(ACTIONS)).is_valid(data)


def test_policy_of_another_shape() -> None:
    schema = _validator(policy_schema())
    assert schema.is_valid({"extends": "generic", "column": "org_id"})
    assert not schema.is_valid({"colum": "org_id"})
    assert not schema.is_valid({"source": "x"})
    assert not schema.is_valid({"routes": {"publc": []}})


def test_keys_are_described() -> None:
    story = plan_schema(ACTIONS)["$defs"]["StoryShape"]["properties"]
    assert "5.3.1" in story["id"]["description"]

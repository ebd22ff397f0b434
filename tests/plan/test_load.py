"""A right plan becomes what it says; its snapshot gives it back."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from merge_tool.errors import PlanError
from merge_tool.model.plan import Batches, CheckKind, Risk
from merge_tool.plan.load import load_plan, parse_plan
from merge_tool.plan.snapshot import plan_from_json, plan_to_json
from tests.plan.registry import ACTIONS, GOOD, Branch, CherryPick, Copy, Merge, good


def test_what_is_said_is_there() -> None:
    plan = good()
    first, second, third = plan.stories()
    assert (plan.title, plan.policy, plan.source) == ("Good", "generic", "plan.yaml")
    assert [(item.commit, item.reason) for item in plan.excluded_commits] == [("9bd1944b", "not ours")]
    assert [spec.action for spec in first.actions] == [Branch("merge/{date}"), Copy(("app/a.py",))]
    assert [spec.kind for spec in second.actions] == ["merge", "cherry_pick"]
    assert second.batches == Batches(2, ("app/**",), ("0.3",))
    assert third.criteria[0].check.kind is CheckKind.TEST
    assert third.criteria[0].check.options["nodes"] == ("tests/test_a.py::test_x",)
    assert (third.estimate_hours, third.phase) == (2.0, 0)
    assert str(second.actions[1].at) == "plan.yaml:27:13"
    assert str(third.criteria[0].at).startswith("plan.yaml:35:")


def test_what_is_left_out_has_its_default() -> None:
    text = "version: 1\ntitle: t\nphases: [{number: 3, title: p, stories: [{id: '3.1', title: s}]}]\n"
    plan = parse_plan(text.encode(), "p", ACTIONS)
    (story,) = plan.stories()
    assert (plan.policy, plan.upstream.branch, plan.git.pull_request) == ("generic", "main", "phase")
    assert (story.risk, story.batches, story.actions, story.files) == (Risk.MEDIUM, None, (), ())
    assert plan.stated_total_hours is None


@pytest.mark.parametrize("form", ["merge: {paths: [x]}", "{kind: merge, paths: [x]}"])
def test_both_forms_of_an_action(form: str) -> None:
    plan = parse_plan(GOOD.replace('merge: {paths: ["app/**"]}', form).encode(), "p", ACTIONS)
    spec = next(spec for story in plan.stories() for spec in story.actions if spec.kind == "merge")
    assert spec.action == Merge(("x",))


@pytest.mark.parametrize("form", ["merge", "merge:", "merge: {}", "{kind: merge}"])
def test_an_action_without_fields(form: str) -> None:
    plan = parse_plan(GOOD.replace('merge: {paths: ["app/**"]}', form).encode(), "p", ACTIONS)
    assert Merge() in [spec.action for story in plan.stories() for spec in story.actions]


def test_a_value_that_only_pydantic_takes() -> None:
    plan = parse_plan(
        GOOD.replace('copy: {paths: ["app/a.py"]}', 'copy: {paths: [a], expect: "31"}').encode(), "p", ACTIONS
    )
    assert Copy(("a",), expect=31) in [spec.action for story in plan.stories() for spec in story.actions]


def test_shown_name_stands_in_places(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "x.yaml").write_text(GOOD)
    plan = load_plan(tmp_path / "x.yaml", ACTIONS, shown="shown.yaml")
    assert plan.source == "shown.yaml"
    assert {story.at.file for story in plan.stories()} == {"shown.yaml"}


def test_snapshot_gives_the_plan_back() -> None:
    plan = good()
    text = plan_to_json(plan)
    assert "\n" not in text
    assert plan_from_json(text, ACTIONS) == plan
    assert plan_to_json(plan_from_json(text, ACTIONS)) == text
    # every field is in it, so that a new one cannot be forgotten
    assert set(json.loads(text)) == {"format", *(item.name for item in fields(plan))}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1}', "null", '{"format": 99}'])
def test_snapshot_of_another_kind(text: str) -> None:
    with pytest.raises(PlanError, match="the stored plan"):
        plan_from_json(text, ACTIONS)


def test_snapshot_with_an_action_that_is_gone() -> None:
    fewer = {kind: shape for kind, shape in ACTIONS.items() if shape is not CherryPick}
    with pytest.raises(PlanError, match="the action 'cherry_pick' is not known"):
        plan_from_json(plan_to_json(good()), fewer)

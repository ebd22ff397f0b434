"""Commits that a plan names are looked up in the repository."""

from __future__ import annotations

from merge_tool.plan.load import parse_plan
from merge_tool.plan.references import check_commits, named_commits
from tests.plan.registry import ACTIONS, GOOD, good


def test_named() -> None:
    assert [(commit, who) for commit, _, who in named_commits(good())] == [
        ("9bd1944b", "the exclusions"),
        ("2156f630", "story 0.2"),
    ]


def test_a_commit_that_is_not_there() -> None:
    (problem,) = check_commits(good(), {"9bd1944b": "9" * 40}.get)
    assert problem.message == "story 0.2 names the commit 2156f630, which is not here"
    assert problem.where == "plan.yaml:27:13"
    assert "git fetch upstream main" in problem.hint


def test_all_are_there() -> None:
    assert check_commits(good(), lambda name: name * 5) == []


def test_a_pick_that_an_exclusion_names_by_a_tag() -> None:
    plan = parse_plan(GOOD.replace('"9bd1944b"', "v1.0").encode(), "p", ACTIONS)
    (problem,) = check_commits(plan, lambda name: "f" * 40)
    assert "picks 2156f630, which the plan excludes as v1.0" in problem.message

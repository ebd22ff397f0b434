"""The bundled plan holds the whole specification that it was written from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from merge_tool.actions.registry import action_types
from merge_tool.bundled import bundled
from merge_tool.model.plan import CheckKind, Plan
from merge_tool.plan.load import load_plan
from merge_tool.plan.order import Unit, split_reference, unit_dependencies, units
from merge_tool.plan.patterns import PathMatcher
from merge_tool.plan.policy import load_policy

STORIES = [
    "0.1", "0.1.1", "0.2", "1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "3.1", "3.2", "3.3", "3.4",
    "4.1", "4.2", "4.3", "4.4", "5.1", "5.2", "5.3", "5.3.1", "5.3.2", "5.3.3", "6.1", "6.1.1", "6.2", "7.1", "7.2", "7.3", "7.4",
    "8.1", "8.2", "8.2.1", "8.2.2", "8.3", "8.4", "8.5", "9.1", "9.2", "9.3", "9.4",
]  # fmt: skip
HOURS = {
    "0.1": 1, "0.1.1": 2, "0.2": 4, "1.1": 4, "1.2": 6, "1.3": 2, "2.1": 2, "2.2": 4, "2.3": 3, "2.4": 2, "2.5": 12, "2.6": 2,
    "3.1": 4, "3.2": 4, "3.3": 3, "3.4": 16, "4.1": 4, "4.2": 4, "4.3": 3, "4.4": 18, "5.1": 4, "5.2": 4, "5.3": 15,
    "6.1": 4, "6.1.1": 3, "6.2": 2, "8.1": 4, "8.2": 8, "8.2.1": 4, "8.2.2": 3,
}  # fmt: skip
# "Story Dependencies" of the specification: what stands left comes before what stands right.
BEFORE = {
    "1.1": "2.2 2.4 6.1", "1.2": "2.1 2.2 2.3", "1.3": "3.1 7.1", "2.1": "2.2 2.3 2.4 2.5", "2.2": "2.5", "2.4": "2.5", "2.5": "2.6",
    "3.1": "5.2 7.1", "3.2": "4.1 7.2", "3.3": "5.2", "3.4": "4.4", "4.1": "5.1 7.2", "4.2": "7.3", "4.4": "5.3", "5.3": "7.4",
    "6.1": "6.2", "6.2": "8.2", "8.3": "9.1", "9.1": "9.2", "9.2": "9.3", "9.3": "9.4",
    # the stories' own lines
    "0.1": "0.1.1", "6.1.1": "6.1", "8.1": "8.2 8.5", "8.2": "8.2.1 8.2.2 8.3",
}  # fmt: skip
CRITERIA = {"1.1": 4, "1.2": 4, "2.2": 4, "2.5": 6, "3.1": 6, "4.2": 4, "6.1": 6, "8.2": 6}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(bundled("phases.yaml"), action_types())


def test_phases_and_stories(plan: Plan) -> None:
    assert [phase.number for phase in plan.phases] == list(range(10))
    assert [story.id for story in plan.stories()] == STORIES
    assert len(STORIES) == 44
    assert all(story.title and story.task and story.notes and story.actions for story in plan.stories())


def test_estimates(plan: Plan) -> None:
    for story_id, hours in HOURS.items():
        story = plan.story(story_id)
        assert story is not None and story.estimate_hours == hours, story_id
    for group, hours in (
        ("5.3.1 5.3.2 5.3.3", 6),
        ("7.1 7.2 7.3 7.4", 8),
        ("8.3 8.4 8.5", 6),
        ("9.1 9.2 9.3 9.4", 8),
    ):
        assert sum(plan.story(item).estimate_hours for item in group.split()) == hours  # type: ignore[union-attr]
    assert sum(story.estimate_hours for story in plan.stories()) == 179
    assert plan.stated_total_hours == 180


def _before(plan: Plan) -> Iterator[tuple[str, str]]:
    for left, rights in BEFORE.items():
        yield from ((left, right) for right in rights.split())
    for story_id in STORIES:
        if story_id != "0.1":
            yield "0.1", story_id
        if story_id not in ("0.1", "0.2"):
            yield "0.2", story_id
    for story_id in STORIES[: STORIES.index("8.1")]:
        yield from ((story_id, late) for late in ("8.1", "8.2", "8.3"))


def test_dependencies(plan: Plan) -> None:
    for left, right in _before(plan):
        story = plan.story(right)
        assert story is not None
        assert left in [split_reference(item)[0] for item in story.depends_on], f"{right} after {left}"
    for number in (1, 2, 3):
        checkpoint = plan.story(f"5.3.{number}")
        assert checkpoint is not None and f"5.3#{number}" in checkpoint.depends_on
    needs = unit_dependencies(plan)
    assert Unit("5.3.1") in needs[Unit("5.3", 2)]
    assert Unit("5.3.2") in needs[Unit("5.3", 3)]
    assert len(units(plan)) == 44 + 2 * 3  # three stories of three parts each


def test_criteria(plan: Plan) -> None:
    found = [item.id for story in plan.stories() for item in story.criteria]
    wanted = [
        f"{story_id}.{number}" for story_id, count in CRITERIA.items() for number in range(1, count + 1)
    ]
    assert sorted(found) == sorted([*wanted, "3.4.5", "4.4.5"])
    assert len(found) == 42
    for story in plan.stories():
        assert all(item.id.startswith(f"{story.id}.") for item in story.criteria)


def test_commits(plan: Plan) -> None:
    picks = {
        story.id: set(spec.action.commits)
        for story in plan.stories()
        for spec in story.actions
        if spec.kind == "cherry_pick"
    }
    assert picks == {
        "7.1": {"2156f630", "5a5a18d8", "9cd5d8e0"},
        "7.2": {"4bebff5c", "e15728e3", "56cc8bac", "bce05d4b"},
        "7.3": {"bc19ec32", "5aa9b6dd", "dd860146"},
    }
    assert [item.commit for item in plan.excluded_commits] == ["9bd1944b"]
    assert "Platega" in plan.excluded_commits[0].reason


def test_names_of_git(plan: Plan) -> None:
    assert plan.git.merge_branch == "merge/upstream-main-{date}"
    assert plan.git.backup_branch == "backup-before-upstream-merge-{date}"
    assert plan.git.commit_subject == "[Story-{id}] {title}"
    assert plan.git.pull_request == "phase"


def test_gateways_and_planning_documents_are_kept(plan: Plan) -> None:
    excluded = PathMatcher(item.pattern for item in plan.excluded_paths)
    for gateway in load_policy(plan.policy, root=None).excluded_gateways:
        for path in (
            f"app/services/{gateway}_service.py",
            f"app/handlers/balance/{gateway}.py",
            f"tests/services/test_payment_service_{gateway}.py",
        ):
            assert excluded.matches(path), path
    assert excluded.matches("_bmad-output/planning/prd.md")
    for path in ("app/services/payment/common.py", "app/attributes.py", "app/lib/nalogo/client.py", "app/handlers/balance/stars.py",
                 "app/utils/distribute.py", "app/watabase.py"):  # fmt: skip
        assert not excluded.matches(path), path


def test_cabinet_columns(plan: Plan) -> None:
    story = plan.story("1.2")
    assert story is not None
    migration = next(spec.action for spec in story.actions if spec.kind == "migration")
    assert len(migration.columns) == 7
    strict = [column for column in migration.columns if not column.nullable]
    assert [(column.name, column.server_default) for column in strict] == [
        ("cabinet_email_verified", "false")
    ]
    check = next(item.check for item in story.criteria if item.check.kind is CheckKind.SCHEMA)
    assert [column["name"] for column in check.options["columns"]] == [
        column.name for column in migration.columns
    ]


def test_manual_stories_have_gates(plan: Plan) -> None:
    gates = {story.id for story in plan.stories() for spec in story.actions if spec.kind == "gate"}
    assert {"5.3.1", "5.3.2", "5.3.3", "8.2.1", "8.2.2", "8.3"} <= gates
    by_hand = {
        "4.2",
        "4.3",
        "4.4",
        "5.3",
        "6.1",
        "6.2",
        "7.4",
    }  # what no codemod does yet is signed by a person
    assert gates <= by_hand | {"5.3.1", "5.3.2", "5.3.3", "8.2.1", "8.2.2", "8.3"}


def test_batched_stories(plan: Plan) -> None:
    batched = {story.id: story.batches.count for story in plan.stories() if story.batches}
    assert batched == {"3.4": 3, "4.4": 3, "5.3": 3}

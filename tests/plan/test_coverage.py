"""Every changed file of upstream is in a story, excluded, or unassigned."""

from __future__ import annotations

from merge_tool.plan.coverage import Standing, coverage
from merge_tool.plan.load import parse_plan
from tests.plan.registry import ACTIONS, GOOD


def _of(text: str, *changed: tuple[str, str]) -> dict[str, tuple[str, tuple[str, ...], str]]:
    found = coverage(parse_plan(text.encode(), "p", ACTIONS), changed)
    return {item.path: (item.standing.value, item.stories, item.reason) for item in found.files}


def test_each_file_stands_somewhere() -> None:
    found = _of(GOOD, ("M", "app/b.py"), ("A", "app/a.py"), ("D", "vendor/x.py"), ("A", "README.md"))
    assert found == {
        "README.md": ("unassigned", (), ""),
        "app/a.py": ("assigned", ("0.1", "0.2"), ""),
        "app/b.py": ("assigned", ("0.2",), ""),
        "vendor/x.py": ("excluded", (), "not ours"),
    }
    assert list(found) == sorted(found)


def test_a_batch_without_paths_leaves_what_others_name() -> None:
    text = GOOD.replace('merge: {paths: ["app/**"]}', "merge: {}")
    found = _of(text, ("M", "app/a.py"), ("M", "app/b.py"))
    assert found["app/a.py"][1] == ("0.1",)
    assert found["app/b.py"][1] == ("0.2",)


def test_an_exclusion_beats_a_story() -> None:
    text = GOOD.replace('"vendor/**"', '"app/a.py"')
    assert _of(text, ("M", "app/a.py"))["app/a.py"] == ("excluded", (), "not ours")


def test_checking_a_file_takes_it_not() -> None:
    text = GOOD.replace("validate: {select: [TQ1]}", 'validate: {select: [TQ1], paths: ["docs/**"]}')
    assert _of(text, ("M", "docs/x.py"))["docs/x.py"][0] == "unassigned"


def test_by_story_is_in_the_plan_s_order() -> None:
    plan = parse_plan(GOOD.encode(), "p", ACTIONS)
    found = coverage(plan, [("M", "app/0.py"), ("M", "app/a.py")])
    assert list(found.by_story().items()) == [("0.1", ("app/a.py",)), ("0.2", ("app/0.py", "app/a.py"))]
    assert len(found.of(Standing.ASSIGNED)) == 2

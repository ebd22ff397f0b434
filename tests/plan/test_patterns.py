"""File patterns, batches, and which files a story has."""

from __future__ import annotations

from pathlib import Path

import pytest

from merge_tool.plan.load import parse_plan
from merge_tool.plan.patterns import PathMatcher, batch_files, is_literal, split_batches, story_files
from tests.gitrepo import GitRepo
from tests.plan.registry import ACTIONS, GOOD


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("app/*.py", ["app/a.py"], ["app/x/a.py", "x/app/a.py", "app/a.pyc"]),
        ("app/**/*.py", ["app/a.py", "app/x/y/a.py"], ["b/a.py"]),
        ("app/cabinet", ["app/cabinet", "app/cabinet/a/b.py"], ["app/cabinets.py", "x/app/cabinet/a.py"]),
        ("app/cabinet/", ["app/cabinet/a.py"], ["app/cabinet2/a.py"]),
        ("app/cabinet/**", ["app/cabinet/a.py", "app/cabinet/x/a.py"], ["app/cabinet.py"]),
        ("*.py", ["a.py", "x/a.py"], ["a.pyi"]),
        ("main.py", ["main.py"], ["x/main.py"]),
        ("/main.py", ["main.py"], ["x/main.py"]),
        ("**/*pay*", ["pay.py", "a/b/xpay_y.py", "pay/x.py"], ["a/pa_y.py"]),
        ("#a.py", ["#a.py"], ["a.py"]),
        ("a[1].py", ["a[1].py", "a1.py"], ["a2.py"]),
        ("a b.py", ["a b.py"], ["a", "b.py"]),
        ("Ünïcode/*.py", ["Ünïcode/é.py"], ["unicode/e.py"]),
    ],
)
def test_pattern(pattern: str, yes: list[str], no: list[str]) -> None:
    matcher = PathMatcher([pattern])
    assert matcher.filter(yes + no) == yes


def test_the_last_pattern_that_matches_decides() -> None:
    matcher = PathMatcher(["app/**", "!app/x.py", "app/x/**"])
    assert matcher.filter(["app/a.py", "app/x.py", "app/x/y.py"]) == ["app/a.py", "app/x/y.py"]


def test_no_pattern_matches_nothing() -> None:
    assert not PathMatcher([]).matches("a.py")


@pytest.mark.parametrize(
    "patterns",
    [["app/*.py"], ["**/*pay*"], ["app/cabinet"], ["*.py", "!app/**"], ["a/**/b"], ["app/[ab]?.py"]],
)
def test_means_what_git_means(tmp_path: Path, patterns: list[str]) -> None:
    """The patterns as a .gitignore: git ignores just what the matcher matches."""
    repo = GitRepo(tmp_path / "r")
    paths = [
        "a.py",
        "app/a.py",
        "app/b1.py",
        "app/cabinet/x/a.py",
        "app/xpay.py",
        "pay/a",
        "a/b",
        "a/x/y/b",
        "x/app/a.py",
        "b.txt",
    ]
    (repo.path / ".gitignore").write_text("".join(f"{item}\n" for item in patterns))
    for path in paths:
        target = repo.path / f"{path}.d" if (repo.path / path).is_dir() else repo.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("")
    kept = set(repo.git("ls-files", "--others", "--exclude-standard").splitlines())
    matcher = PathMatcher(patterns)
    assert [path for path in paths if matcher.matches(path)] == [path for path in paths if path not in kept]


@pytest.mark.parametrize(
    ("number", "count", "sizes"), [(47, 3, [15, 16, 16]), (77, 3, [25, 26, 26]), (57, 3, [19, 19, 19]), (2, 3, [0, 1, 1]), (0, 2, [0, 0]), (5, 1, [5])]
)  # fmt: skip
def test_batches_are_even(number: int, count: int, sizes: list[int]) -> None:
    files = [f"f{index:03}" for index in range(number)]
    parts = split_batches(reversed(files), count)
    assert [len(part) for part in parts] == sizes
    assert [item for part in parts for item in part] == files


def test_no_batches() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        split_batches([], 0)


def test_files_that_others_name_are_not_in_the_batches() -> None:
    text = GOOD.replace("files: [app/a.py]", 'files: [app/a.py, "app/x/*.py"]')
    plan = parse_plan(text.encode(), "p", ACTIONS)
    first, batched, _ = plan.stories()
    files = ["app/a.py", "app/b.py", "app/x/c.py", "app/d.py", "b.py"]
    assert story_files(plan, batched, files) == (
        "app/b.py",
        "app/d.py",
        "app/x/c.py",
    )  # only a full path names a file
    assert story_files(plan, first, files) == ("app/a.py", "app/x/c.py")
    assert [batch_files(plan, batched, files, number) for number in (1, 2)] == [
        ("app/b.py",),
        ("app/d.py", "app/x/c.py"),
    ]
    for story, number in ((batched, 3), (batched, 0), (first, 1)):
        with pytest.raises(ValueError, match="has no part"):
            batch_files(plan, story, files, number)


def test_literal() -> None:
    assert is_literal("app/a.py")
    assert not any(map(is_literal, ["app/*.py", "app/", "!a", "a?", "[a]"]))

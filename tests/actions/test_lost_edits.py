"""Merges in which one side's change once vanished: renames of the fork, exclusions, files beside folders, odd kinds of file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gitrepo import GitRepo
from tests.merge_story import Case, Change, Files
from tests.project import BODY

OURS, THEIRS = (
    BODY.replace("VALUE_2 = 2\n", "VALUE_2 = 'fork'\n"),
    BODY.replace("VALUE_18 = 18\n", "VALUE_18 = 'up'\n"),
)


@pytest.mark.parametrize("named", ["old.py", "mine.py"])
def test_a_file_that_the_fork_renamed_gets_upstreams_change(tmp_path: Path, named: str) -> None:
    case = Case(tmp_path, {"old.py": BODY}, {"old.py": None, "mine.py": OURS}, {"old.py": THEIRS}, [named])
    assert case.code == 0
    assert "'up'" in case.tree()["mine.py"]
    assert "'fork'" in case.tree()["mine.py"]
    assert "old.py" not in case.tree()


def test_a_new_file_in_a_folder_that_the_fork_renamed_is_a_conflict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base: Files = {f"app/{number}.py": BODY + f"N = {number}\n" for number in range(4)}
    case = Case(
        tmp_path, base, lambda repo: repo.git("mv", "app", "bot"), {"app/new.py": "new = 1\n"}, ["app/**"]
    )
    assert case.code == 1
    assert list(case.conflicts(capsys)) == ["bot/new.py"]
    assert (case.worktree / "bot" / "new.py").exists()


def test_a_rename_to_an_excluded_path_keeps_the_forks_file(tmp_path: Path) -> None:
    theirs: Files = {"old.py": None, "vendor/new.py": BODY}
    case = Case(tmp_path, {"old.py": BODY}, {"old.py": OURS}, theirs, ["old.py"], "vendor/**")
    assert case.code == 0
    assert "'fork'" in case.tree()["old.py"]
    assert "vendor/new.py" not in case.tree()


def test_a_rename_out_of_an_excluded_path_brings_nothing_in(tmp_path: Path) -> None:
    theirs: Files = {"vendor/v.py": None, "lib.py": BODY}
    case = Case(tmp_path, {"vendor/v.py": BODY, "k": "1"}, {"k": "2"}, theirs, ["lib.py"], "vendor/**")
    assert "lib.py" not in case.tree()
    assert "vendor/v.py" in case.tree()


def test_a_folder_in_the_way_of_the_forks_file_is_a_conflict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(tmp_path, {"k": "1"}, {"d": "mine\n"}, {"d/x.py": "x = 1\n"}, ["d/**"])
    assert case.code == 1
    assert set(case.conflicts(capsys)) == {"d", "d/x.py"}
    assert case.run("resolve", "d", "--ours") == 0
    assert case.run("resolve", "d/x.py", "--ours") == 0
    assert case.run("continue") == 0
    assert case.tree()["d"].endswith("mine")


def _link(target: str) -> Callable[[GitRepo], object]:
    def change(repo: GitRepo) -> None:
        (repo.path / "l").unlink()
        (repo.path / "l").symlink_to(target)

    return change


@pytest.mark.parametrize("side", ["ours", "theirs"])
@pytest.mark.parametrize("forks", ["file", "link"])
def test_a_file_against_a_symlink_can_be_resolved_to_either(tmp_path: Path, side: str, forks: str) -> None:
    file: Files = {"l": "text\nedited\n"}
    ours, theirs = (file, _link("else")) if forks == "file" else (_link("else"), file)
    case = Case(tmp_path, {"l": "text\n"}, ours, theirs, ["l"])
    assert case.code == 1
    assert case.run("resolve", "l", f"--{side}") == 0
    assert case.run("continue") == 0
    link = (side == "ours") == (forks == "link")
    assert case.tree()["l"] == ("120000 else" if link else "100644 text\nedited")


def test_a_resolution_brings_its_sides_mode(tmp_path: Path) -> None:
    def theirs(repo: GitRepo) -> None:
        (repo.path / "s.sh").write_text("upstream\n")
        (repo.path / "s.sh").chmod(0o755)

    case = Case(tmp_path, {"s.sh": "base\n"}, {"s.sh": "fork\n"}, theirs, ["s.sh"])
    assert case.run("resolve", "s.sh", "--theirs") == 0
    assert case.run("continue") == 0
    assert case.tree()["s.sh"] == "100755 upstream"


def _submodule(oid: str) -> Callable[[GitRepo], object]:
    def change(repo: GitRepo) -> None:
        repo.git("update-index", "--add", "--cacheinfo", f"160000,{oid * 40},sub")
        repo.git("commit", "--quiet", "-m", "submodule")
        (repo.path / "sub").mkdir(exist_ok=True)

    return change


def test_a_submodule_in_conflict_can_be_resolved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Plain(Case):
        @staticmethod
        def _change(repo: GitRepo, change: Change) -> None:
            if callable(change):
                change(repo)
            else:
                for name, content in change.items():
                    (repo.path / name).write_text(str(content))
                    repo.git("add", "--force", name)
                repo.git("commit", "--quiet", "-m", "files")

    Plain._change(GitRepo(tmp_path / "warm"), {"k": "1"})
    original = GitRepo.commit

    def commit(self: GitRepo, message: str, files: Files) -> str:
        for name, content in files.items():
            (self.path / name).write_text(str(content))
            self.git("add", "--force", name)
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    GitRepo.commit = commit  # type: ignore[method-assign,assignment] # `add --all` would take the empty folder for a removal
    try:
        case = Plain(tmp_path, _submodule("1"), _submodule("2"), _submodule("3"), ["sub"])
    finally:
        GitRepo.commit = original  # type: ignore[method-assign]
    assert case.code == 1
    assert list(case.conflicts(capsys)) == ["sub"]
    assert case.run("resolve", "sub", "--theirs") == 0
    assert case.run("continue") == 0
    assert case.tree()["sub"] == "160000 " + "3" * 40


def test_long_markers_are_markers(tmp_path: Path) -> None:
    base: Files = {"a.rst": "one\n", ".gitattributes": "*.rst conflict-marker-size=20\n"}
    case = Case(tmp_path, base, {"a.rst": "two\n"}, {"a.rst": "three\n"}, ["a.rst"])
    with (case.worktree / "a.rst").open("a") as stream:
        stream.write("Heading\n=======\n")
    assert case.run("continue") == 1
    (case.worktree / "a.rst").write_text("two\nthree\nHeading\n=======\n")
    assert case.run("continue") == 0


def test_a_file_named_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    base: Files = {"[ab].py": "x = 1\n", "a.py": "a = 1\n"}
    case = Case(tmp_path, base, {"[ab].py": "x = 2\n"}, {"[ab].py": None, "a.py": "a = 2\n"}, ["*.py"])
    assert case.run("resolve", "[ab].py", "--theirs") == 0
    assert case.run("continue") == 0
    assert case.tree()["a.py"].endswith("a = 2")
    assert "[ab].py" not in case.tree()


def test_what_interpreters_and_editors_leave_is_not_committed(tmp_path: Path) -> None:
    case = Case(tmp_path, {"a.py": "x = 1\n"}, {"a.py": "x = 2\n"}, {"a.py": "x = 3\n"}, ["a.py"])
    (case.worktree / "__pycache__").mkdir()
    (case.worktree / "__pycache__" / "a.pyc").write_bytes(b"junk")
    (case.worktree / ".a.py.swp").write_bytes(b"junk")
    (case.worktree / "new.py").write_text("wanted = 1\n")
    (case.worktree / "a.py").write_text("x = 23\n")
    assert case.run("continue") == 0
    assert set(case.tree()) == {"a.py", "new.py", "phases.yaml"}


def test_a_sha256_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests import gitrepo

    monkeypatch.setitem(gitrepo.ENV, "GIT_DEFAULT_HASH", "sha256")
    case = Case(
        tmp_path, {"a.py": "x = 1\n", "b.py": "b\n"}, {"k": "1"}, {"a.py": "x = 2\n", "b.py": None}, ["*.py"]
    )
    assert case.code == 0
    assert case.tree()["a.py"].endswith("x = 2")
    assert "b.py" not in case.tree()

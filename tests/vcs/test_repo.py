"""Objects, trees and refs on real repositories."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from merge_tool.errors import VcsError
from merge_tool.vcs.names import check_path, check_ref, check_rev
from merge_tool.vcs.repo import Entry, Identity, Repository
from merge_tool.vcs.three_way import merge_trees
from merge_tool.vcs.workspace import Workspace, parses
from merge_tool.vcs.worktree import Worktree
from tests.gitrepo import GitRepo

WHO = Identity("Ada", "ada@example.org", 1_700_000_000)


@pytest.fixture
def made(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "repo")
    repo.commit("one", {"a.py": "x = 1\n", "dir/b.txt": "b\n", "نام.py": "y = 2\n"})
    return repo


def test_tree_is_written_without_touching_index_or_files(made: GitRepo) -> None:
    repo = Repository.open(made.path)
    base = repo.tree_of("HEAD")
    tree = repo.write_tree(base, {"a.py": None, "new/c.py": Entry("100644", repo.write_blob(b"c\n"))})
    assert set(repo.ls_tree(tree)) == {"dir/b.txt", "new/c.py", "نام.py"}
    assert made.git("status", "--porcelain") == ""
    commit = repo.commit_tree(tree, [repo.resolve("HEAD")], "message\n", WHO)
    assert made.git("log", "-1", "--format=%an %at %s", commit) == "Ada 1700000000 message"


def test_refs_move_together_or_not_at_all(made: GitRepo) -> None:
    repo = Repository.open(made.path)
    head = repo.resolve("HEAD")
    repo.update_refs([("refs/heads/one", head, "")])
    with pytest.raises(VcsError):
        repo.update_refs([("refs/heads/two", head, ""), ("refs/heads/one", head, "")])
    assert set(repo.refs("refs/heads/")) == {"refs/heads/main", "refs/heads/one"}


def test_scratch_objects_leave_nothing(made: GitRepo) -> None:
    repo = Repository.open(made.path)
    before = sorted(str(p) for p in (made.path / ".git").rglob("*"))
    with repo.scratch_objects():
        tree = Workspace(repo, repo.tree_of("HEAD"))
        tree.write("a.py", b"changed\n")
        commit = repo.commit_tree(tree.flush(), [], "scratch\n", WHO)
        assert repo.resolve(commit) == commit
    assert repo.try_resolve(commit) is None
    assert sorted(str(p) for p in (made.path / ".git").rglob("*")) == before


@pytest.mark.parametrize("name", ["-x", "", "a..b", "a b", "x.lock", "/x", "x/", ".x", "a~1", "a\nb", "@"])
def test_bad_refs_are_refused(name: str) -> None:
    with pytest.raises(VcsError):
        check_ref(name)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", ".git/config", "a/.GIT/x", "-x", "a\0b", "C:/x", "a\\b", ""]
)
def test_paths_that_leave_the_repository_are_refused(path: str) -> None:
    with pytest.raises(VcsError):
        check_path(path)


def test_revisions_that_look_like_options_are_refused(made: GitRepo) -> None:
    repo = Repository.open(made.path)
    for rev in ("--output=/tmp/x", "-1", "HEAD:a.py", "a..b"):
        with pytest.raises(VcsError):
            repo.resolve(rev)
    assert check_rev("HEAD~1") == "HEAD~1"


def test_workspace_refuses_symlinks_on_the_way(tmp_path: Path) -> None:
    made = GitRepo(tmp_path / "repo")
    (made.path / "link").symlink_to("/etc")
    made.commit("link", {"a": "a"})
    repo = Repository.open(made.path)
    workspace = Workspace(repo, repo.tree_of("HEAD"))
    with pytest.raises(VcsError, match="symlink"):
        workspace.write("link", b"x")
    with pytest.raises(VcsError, match="symlink"):
        workspace.write("link/passwd", b"x")
    with pytest.raises(VcsError, match="symlink"):
        workspace.read("link")


def test_workspace_keeps_the_mode(tmp_path: Path) -> None:
    made = GitRepo(tmp_path / "repo")
    (made.path / "run.py").write_text("print()\n")
    (made.path / "run.py").chmod(0o755)
    made.commit("run", {})
    repo = Repository.open(made.path)
    workspace = Workspace(repo, repo.tree_of("HEAD"))
    assert workspace.write("run.py", b"print(1)\n")
    assert not workspace.write("run.py", b"print(1)\n")
    assert repo.ls_tree(workspace.flush())["run.py"].mode == "100755"


def test_merge_follows_renames_and_reports_conflicts(tmp_path: Path) -> None:
    made = GitRepo(tmp_path / "repo")
    body = "".join(f"line {n}\n" for n in range(30))
    base = made.commit("base", {"old.py": body, "c.py": "x = 1\n", "gone.py": "g = 1\n"})
    made.switch("ours", base)
    made.commit(
        "ours", {"old.py": body.replace("line 3\n", "line three\n"), "c.py": "x = 2\n", "gone.py": "g = 2\n"}
    )
    made.switch("theirs", base)
    made.commit(
        "theirs",
        {
            "old.py": None,
            "new.py": body.replace("line 25\n", "line 25!\n"),
            "c.py": "x = 3\n",
            "gone.py": None,
        },
    )
    repo = Repository.open(made.path)
    merged = merge_trees(repo, repo.tree_of(base), repo.tree_of("ours"), repo.tree_of("theirs"))
    files = repo.ls_tree(merged.tree)
    assert "old.py" not in files
    text = repo.read_blobs([files["new.py"].oid])[files["new.py"].oid].decode()
    assert "line three\n" in text
    assert "line 25!\n" in text
    assert {name: item.kind for name, item in merged.conflicts.items()} == {
        "c.py": "content",
        "gone.py": "modify/delete",
    }
    assert merged.conflicts["gone.py"].theirs == ""


def test_worktree_is_a_view_and_tells_edits(made: GitRepo) -> None:
    repo = Repository.open(made.path)
    head = repo.resolve("HEAD")
    repo.update_refs([("refs/heads/merge/x", head, "")])
    worktree = Worktree.of(repo)
    worktree.make(head, "merge/x")
    worktree.checkout(repo.tree_of(head))
    assert worktree.changed() == []
    assert made.git("status", "--porcelain") == ""
    (worktree.path / "a.py").write_text("x = 9\n")
    (worktree.path / "fresh.py").write_text("z = 1\n")
    assert worktree.changed() == ["a.py", "fresh.py"]
    tree = worktree.snapshot()
    assert set(repo.ls_tree(tree)) == {"a.py", "dir/b.txt", "fresh.py", "نام.py"}
    worktree.remove()
    assert not worktree.path.exists()
    assert made.git("worktree", "list").count("\n") == 0


def test_parses_tells_the_line() -> None:
    assert parses("a.py", b"x = (\n") != ""
    assert parses("a.py", b"a = 1\nb = = 2\n").startswith("line 2")
    assert parses("a.py", b"x = '\0'") != ""
    assert parses("a.json", b"{") == ""


def test_a_lock_that_a_killed_git_left_is_removed_only_while_the_runs_lock_is_held(made: GitRepo) -> None:
    repo = Repository.open(made.path)
    head = repo.resolve("HEAD")
    stale = made.path / ".git" / "refs" / "heads" / "one.lock"
    stale.touch()
    with pytest.raises(VcsError, match="File exists"):
        repo.update_refs([("refs/heads/one", head, "")])
    assert stale.exists()
    repo.exclusive = True
    repo.update_refs([("refs/heads/one", head, "")])
    assert not stale.exists()
    assert repo.refs("refs/heads/one") == {"refs/heads/one": head}


def test_a_worktree_that_git_forgot_is_kept_aside(made: GitRepo) -> None:
    repo = Repository.open(made.path)
    head = repo.resolve("HEAD")
    repo.update_refs([("refs/heads/merge/x", head, "")])
    worktree = Worktree.of(repo)
    worktree.make(head, "merge/x")
    worktree.checkout(repo.tree_of(head))
    (worktree.path / "a.py").write_text("mine\n")
    repo.run("worktree", "unlock", str(worktree.path))
    admin = Path(repo.text("rev-parse", "--absolute-git-dir", cwd=worktree.path))
    shutil.rmtree(admin)
    worktree.make(head, "merge/x")
    worktree.checkout(repo.tree_of(head))
    (kept,) = worktree.path.parent.glob("worktree-kept-*")
    assert (kept / "a.py").read_text() == "mine\n"
    assert (worktree.path / "a.py").read_text() == "x = 1\n"

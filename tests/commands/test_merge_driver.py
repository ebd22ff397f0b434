"""The merge driver and its installer, with real git: merge, cherry-pick, rebase, mergetool, and what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from merge_tool.cli import run
from tests.gitrepo import ENV, GitRepo

BASE = "import os\n\nx = [\n    1,\n]\n\n\ndef f(a):\n    return a\n"
OURS = BASE.replace("    1,\n", "    1,\n    2,\n").replace("import os\n", "import os\nimport re\n")
THEIRS = BASE.replace("    1,\n", "    1,\n    3,\n").replace("import os\n", "import os\nimport sys\n")
MERGED = BASE.replace("    1,\n", "    1,\n    2,\n    3,\n").replace(
    "import os\n", "import os\nimport re\nimport sys\n"
)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    for key, value in ENV.items():
        monkeypatch.setenv(key, value)
    made = GitRepo(tmp_path / "repo")
    made.commit("base", {"a.py": BASE, "notes.md": "one\n"})
    return made


def sides(repo: GitRepo, ours: str = OURS, theirs: str = THEIRS) -> None:
    repo.switch("theirs", "main")
    repo.commit("theirs", {"a.py": theirs})
    repo.switch("main")
    repo.commit("ours", {"a.py": ours})


def install(repo: GitRepo, *more: str) -> None:
    assert run(["install-driver", "--repo", str(repo.path), *more]) == 0


def git(repo: GitRepo, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *args], cwd=repo.path, env=dict(os.environ), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "command", [["merge", "-q", "-m", "m", "theirs"], ["cherry-pick", "theirs"], ["rebase", "theirs"]]
)
def test_git_merges_with_it(repo: GitRepo, command: list[str]) -> None:
    sides(repo)
    assert git(repo, *command).returncode == 1
    git(repo, command[0], "--abort")
    install(repo)
    done = git(repo, *command)
    assert done.returncode == 0, done.stderr
    swapped = (
        "import os\nimport re\nimport sys\n\nx = [\n    1,\n    3,\n    2,\n]\n\n\ndef f(a):\n    return a\n"
    )
    assert (repo.path / "a.py").read_text() == (swapped if command[0] == "rebase" else MERGED)
    assert repo.git("status", "--short") == ""


def test_conflicts_left_have_markers_of_the_size_that_git_asks_for(repo: GitRepo) -> None:
    sides(repo, BASE.replace("return a", "return a + 1"), BASE.replace("return a", "return a + 2"))
    (repo.path / ".git/info/attributes").write_text("*.py conflict-marker-size=9\n")
    install(repo)
    done = git(repo, "merge", "theirs")
    assert done.returncode == 1
    text = (repo.path / "a.py").read_text()
    assert "<<<<<<<<< ours\n    return a + 1\n||||||||| base\n" in text
    assert ">>>>>>>>> theirs\n" in text
    assert repo.git("diff", "--name-only", "--diff-filter=U") == "a.py"
    assert "a.py: 1 conflict left" in done.stderr


def test_lines_that_merge_to_nonsense_are_marked(repo: GitRepo) -> None:
    new = "def g():\n    return 1\n\n\n"
    sides(repo, new + BASE, BASE + "\n\n" + new)
    install(repo)
    assert git(repo, "merge", "theirs").returncode == 1
    assert (
        (repo.path / "a.py")
        .read_text()
        .startswith("<<<<<<< merge-tool: the lines merge, but the definition g is doubled\n")
    )


def loud(repo: GitRepo, said: str) -> None:
    """The merge is not made, and ours does not pass for it: git stopped, or its own merge is there with markers."""
    head = repo.git("rev-parse", "HEAD")
    done = git(repo, "merge", "--no-edit", "theirs")
    assert done.returncode != 0
    assert said in done.stderr
    assert repo.git("rev-parse", "HEAD") == head
    if repo.git("diff", "--name-only", "--diff-filter=U"):
        assert "<<<<<<< ours" in (repo.path / "a.py").read_text()


def test_what_cannot_be_run_never_keeps_ours(repo: GitRepo) -> None:
    sides(repo)
    install(repo)
    line = repo.git("config", "merge.merge-tool.driver")
    python = line.split(" -P ")[0]
    repo.git("config", "merge.merge-tool.driver", line.replace(python, "/no/such/python"))
    loud(repo, "the merge driver FAILED")


@pytest.mark.parametrize(
    "broken", ["-m no_such_module", "-m merge_tool --no-such-option", "-c 'raise ValueError'"]
)
def test_a_program_that_breaks_never_keeps_ours(repo: GitRepo, broken: str) -> None:
    sides(repo)
    install(repo)
    line = repo.git("config", "merge.merge-tool.driver")
    assert "-m merge_tool" in line
    repo.git("config", "merge.merge-tool.driver", line.replace("-m merge_tool", broken))
    loud(repo, "the merge driver FAILED")


def test_a_broken_policy_is_told_and_gits_own_merge_taken(repo: GitRepo) -> None:
    repo.commit("policy", {"tenancy.yaml": "extends: nothing\n"})
    sides(repo)
    install(repo)
    loud(repo, "merge-tool FAILED to merge a.py: tenancy.yaml")


def test_the_policys_transforms_are_made(repo: GitRepo) -> None:
    base = "def pay(price_kopeks):\n    send(price_kopeks)\n    return price_kopeks\n"
    repo.commit(
        "base",
        {"a.py": base, "tenancy.yaml": "extends: generic\ntransforms: [{suffixes: {_kopeks: _cents}}]\n"},
    )
    sides(repo, base.replace("_kopeks", "_cents"), base.replace("send(", "send(1, "))
    install(repo)
    assert git(repo, "merge", "-q", "-m", "m", "theirs").returncode == 0
    assert (repo.path / "a.py").read_text() == base.replace("_kopeks", "_cents").replace("send(", "send(1, ")


def test_nothing_of_the_merged_tree_is_imported(repo: GitRepo) -> None:
    repo.commit(
        "trap",
        dict.fromkeys(
            ("typer.py", "ast.py", "merge_tool/__init__.py", "merge_tool/__main__.py"),
            "raise SystemExit(7)\n",
        ),
    )
    sides(repo)
    install(repo)
    assert git(repo, "merge", "-q", "-m", "m", "theirs").returncode == 0
    assert (repo.path / "a.py").read_text() == MERGED


def test_names_with_blanks_quotes_and_dashes(repo: GitRepo) -> None:
    names = ["-a b'c.py", "d/$(touch x).py"]
    repo.commit("base", dict.fromkeys(names, BASE))
    repo.switch("theirs", "main")
    repo.commit("theirs", dict.fromkeys(names, THEIRS))
    repo.switch("main")
    repo.commit("ours", dict.fromkeys(names, OURS))
    install(repo)
    done = git(repo, "merge", "-q", "-m", "m", "theirs")
    assert done.returncode == 0, done.stderr
    assert all((repo.path / name).read_text() == MERGED for name in names)
    assert not (repo.path / "x").exists()


def test_other_files_are_gits(repo: GitRepo) -> None:
    repo.switch("theirs", "main")
    repo.commit("theirs", {"notes.md": "two\n"})
    repo.switch("main")
    repo.commit("ours", {"notes.md": "three\n"})
    install(repo)
    assert git(repo, "merge", "theirs").returncode == 1
    assert "<<<<<<< HEAD" in (repo.path / "notes.md").read_text()


def test_mergetool(repo: GitRepo) -> None:
    sides(repo)
    assert git(repo, "merge", "theirs").returncode == 1
    install(repo)
    done = git(repo, "mergetool", "--no-prompt", "--tool=merge-tool")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (repo.path / "a.py").read_text() == MERGED
    assert repo.git("diff", "--name-only", "--diff-filter=U") == ""


def test_mergetool_says_where_it_could_not(repo: GitRepo) -> None:
    sides(repo, BASE.replace("return a", "return a + 1"), BASE.replace("return a", "return a + 2"))
    assert git(repo, "merge", "theirs").returncode == 1
    install(repo)
    assert git(repo, "mergetool", "--no-prompt", "--tool=merge-tool").returncode == 1
    assert repo.git("diff", "--name-only", "--diff-filter=U") == "a.py"
    assert "<<<<<<<" in (repo.path / "a.py").read_text()


def test_installing_twice_changes_nothing_and_uninstalling_takes_all_back(
    repo: GitRepo, capfd: pytest.CaptureFixture[str]
) -> None:
    info = repo.path / ".git/info/attributes"
    info.write_text("*.txt eol=lf")
    before = repo.git("config", "--local", "--list"), info.read_text()
    install(repo)
    assert "merge.merge-tool.driver set" in capfd.readouterr().out
    assert info.read_text().startswith("*.txt eol=lf\n# merge-tool: begin\n*.py merge=merge-tool\n")
    assert repo.git("check-attr", "merge", "x/y.py") == "x/y.py: merge: merge-tool"
    state = repo.git("config", "--local", "--list"), info.read_text()
    install(repo)
    assert "nothing to do" in capfd.readouterr().out
    assert (repo.git("config", "--local", "--list"), info.read_text()) == state
    install(repo, "--level", "full", "--json")
    assert json.loads(capfd.readouterr().out)["config"] == ["merge.merge-tool.driver set"]
    install(repo, "--uninstall")
    capfd.readouterr()
    assert repo.git("config", "--local", "--list") == before[0]
    assert info.read_text().rstrip("\n") == before[1]
    install(repo, "--uninstall")
    assert "nothing to do" in capfd.readouterr().out


def test_the_tracked_file_of_attributes(repo: GitRepo) -> None:
    install(repo, "--gitattributes")
    path = repo.path / ".gitattributes"
    assert "*.py merge=merge-tool\n" in path.read_text()
    install(repo, "--uninstall")
    assert not path.exists()


def test_for_all_repositories(repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "home.gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    sides(repo)
    install(repo, "--global")
    assert (tmp_path / "xdg/git/attributes").is_file()
    assert "merge-tool" not in (repo.path / ".git/config").read_text()
    assert git(repo, "merge", "-q", "-m", "m", "theirs").returncode == 0
    install(repo, "--global", "--uninstall")
    assert "merge-tool" not in config.read_text()
    assert not (tmp_path / "xdg/git/attributes").exists()


@pytest.mark.parametrize(
    "more",
    [["--local", "--global"], ["--level", "most"], ["--policy", "no-such"], ["--gitattributes", "--global"]],
)
def test_wrong_usage_writes_nothing(repo: GitRepo, more: list[str]) -> None:
    before = (repo.path / ".git/config").read_bytes()
    assert run(["install-driver", "--repo", str(repo.path), *more]) == 2
    assert (repo.path / ".git/config").read_bytes() == before


def test_no_repository_is_an_error(tmp_path: Path) -> None:
    assert run(["install-driver", "--repo", str(tmp_path)]) == 2


def test_a_file_that_is_not_there_fails_loudly(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = tmp_path / "a.py"
    name.write_text("x = 1\n")
    assert run(["merge-driver", str(name), str(name), str(tmp_path / "none"), "a.py"]) == 255
    assert "FAILED to merge a.py" in capfd.readouterr().err
    assert name.read_text() == "x = 1\n"


def test_an_edit_follows_a_file_that_the_other_side_renamed(repo: GitRepo) -> None:
    repo.switch("theirs", "main")
    repo.git("mv", "a.py", "b.py")
    repo.commit("theirs", {"b.py": THEIRS})
    repo.switch("main")
    repo.commit("ours", {"a.py": OURS})
    install(repo)
    done = git(repo, "merge", "-q", "-m", "m", "theirs")
    assert done.returncode == 0, done.stderr
    assert (repo.path / "b.py").read_text() == MERGED
    assert not (repo.path / "a.py").exists()


@pytest.mark.parametrize("new", ["b.py", ""])
def test_a_file_that_one_side_removed_and_the_other_edited_or_renamed_is_a_conflict(
    repo: GitRepo, new: str
) -> None:
    repo.switch("theirs", "main")
    if new:
        repo.git("mv", "a.py", new)
        repo.commit("theirs", {new: BASE})
    else:
        repo.commit("theirs", {"a.py": THEIRS})
    repo.switch("main")
    repo.commit("ours", {"a.py": None})
    install(repo)
    assert git(repo, "merge", "theirs").returncode == 1
    assert repo.git("diff", "--name-only", "--diff-filter=U") == (new or "a.py")


def test_a_file_that_both_sides_removed_stays_removed(repo: GitRepo) -> None:
    repo.switch("theirs", "main")
    repo.commit("theirs", {"a.py": None})
    repo.switch("main")
    repo.commit("ours", {"a.py": None, "c.py": "other = 1\n"})
    install(repo)
    assert git(repo, "merge", "-q", "-m", "m", "theirs").returncode == 0
    assert not (repo.path / "a.py").exists()


def test_a_file_that_both_sides_added(repo: GitRepo) -> None:
    repo.switch("theirs", "main")
    repo.commit("theirs", {"n.py": "import os\nimport re\n\nx = 1\n"})
    repo.switch("main")
    repo.commit("ours", {"n.py": "import os\nimport sys\n\nx = 1\n"})
    install(repo)
    assert git(repo, "merge", "-q", "-m", "m", "theirs").returncode == 0
    assert (repo.path / "n.py").read_text() == "import os\nimport re\nimport sys\n\nx = 1\n"

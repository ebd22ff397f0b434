"""What goes wrong is told in one short message with its mend, and ends in the right exit code."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from merge_tool.cli import run
from tests.gitrepo import GitRepo
from tests.project import PLAN, Project, make_project, stories_plan


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    made = make_project(tmp_path)
    made.capsys = capsys
    return made


def failing(capsys: pytest.CaptureFixture[str], *args: str, code: int = 2) -> str:
    """Runs the tool, asserts its exit code, returns its one message."""
    result = run(list(args))
    err = capsys.readouterr().err
    assert result == code, err
    assert "Traceback" not in err
    return err


def with_plan(project: Project, plan: str) -> None:
    (project.fork.path / "phases.yaml").write_text(plan)


def test_outside_a_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["phase", "0"], ["status"], ["abort"], ["doctor"]):
        text = (
            failing(capsys, *command, "--repo", str(tmp_path), code=1 if command == ["doctor"] else 2)
            + command[0]
        )
        assert command == ["doctor"] or "--repo" in text


def test_a_missing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["phase", "0"], ["status"]):
        assert "error" in failing(capsys, *command, "--repo", str(tmp_path / "none"))


def test_a_bare_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "bare")], check=True)
    assert "bare" in failing(capsys, "phase", "0", "--repo", str(tmp_path / "bare"))


def test_no_commit_and_no_branch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = GitRepo(tmp_path / "empty")
    assert "no commit" in failing(capsys, "phase", "0", "--repo", str(repo.path))
    repo.commit("one", {"a": "a"})
    repo.git("switch", "--quiet", "--detach")
    assert "detached" in failing(capsys, "phase", "0", "--repo", str(repo.path))


@pytest.mark.parametrize(
    "command",
    [
        ["continue"],
        ["skip", "--reason", "x"],
        ["abort"],
        ["approve", "1.1"],
        ["rollback", "--phase", "0"],
        ["conflicts"],
        ["resolve", "x"],
    ],
)
def test_without_a_run(project: Project, command: list[str]) -> None:
    assert "no run" in project.run(*command, code=2)


def test_unknown_phase_and_story(project: Project) -> None:
    assert "no phase 77" in project.run("phase", "77", code=2)
    assert "no story 9.9" in project.run("story", "9.9", code=2)
    assert "is no story" in project.run("story", "1.1#x", code=2)
    assert (
        project.json("status")["run"] is None
        or project.json("status", code=None)["run"]["status"] == "active"
    )


def test_a_missing_remote_stops_the_story_and_can_be_mended(project: Project) -> None:
    url = project.fork.git("remote", "get-url", "upstream")
    project.fork.git("remote", "remove", "upstream")
    assert "git remote add upstream" in project.run("phase", "0", code=1)
    status = project.json("status", code=1)
    assert status["stories"][0]["status"] == "stopped"
    assert "continue" in status["next"]
    project.fork.git("remote", "add", "upstream", url)
    project.run("continue")


def test_histories_without_a_common_commit(project: Project, tmp_path: Path) -> None:
    other = GitRepo(tmp_path / "other")
    other.commit("unrelated", {"a": "a"})
    project.fork.git("remote", "set-url", "upstream", str(other.path))
    assert "no common ancestor" in project.run("phase", "0", code=1)


def test_an_unknown_commit_names_the_story(project: Project) -> None:
    with_plan(project, PLAN.replace("fix1, fix2", "deadbeef"))
    project.run("phase", "2", "--with-needed", code=1)
    project.run("resolve", "hard.py", "--ours")
    text = project.run("continue", code=1)
    assert "deadbeef" in text
    assert "git fetch" in text


def test_a_picked_commit_that_is_excluded(project: Project) -> None:
    sha = project.upstream.git("rev-parse", "bad")
    with_plan(project, PLAN.replace("fix1, fix2", sha))
    project.run("phase", "2", "--with-needed", code=1)
    project.run("resolve", "hard.py", "--ours")
    assert "excludes" in project.run("continue", code=1)


def test_copy_never_overwrites_the_forks_own(project: Project) -> None:
    with_plan(
        project,
        stories_plan(
            [
                "- id: '0.1'\n  title: Copy\n  estimate_hours: 1\n  actions: [{kind: fetch}, {kind: copy, paths: [hard.py]}]\n"
            ]
        ),
    )
    assert "merge" in project.run("phase", "0", code=1)


def test_a_pattern_that_matches_nothing(project: Project) -> None:
    with_plan(
        project,
        stories_plan(
            [
                "- id: '0.1'\n  title: Copy\n  estimate_hours: 1\n  actions: [{kind: fetch}, {kind: copy, paths: ['nowhere/**']}]\n"
            ]
        ),
    )
    assert "nowhere/**" in project.run("phase", "0", code=1)


def test_titles_cannot_speak_to_the_terminal(project: Project) -> None:
    with_plan(project, PLAN.replace("title: Setup and Backup", 'title: "[bold red]evil[/] <script> `x` |"'))
    text = project.run("phase", "0")
    assert "\x1b" not in text
    assert "[bold red]evil[/]" in text
    assert "[bold red]evil[/]" in project.run("status")
    assert "&lt;script&gt;" in project.run("report", "--format", "html")


def test_a_corrupt_state_is_told(project: Project) -> None:
    project.run("phase", "0")
    path = project.fork.path / ".git" / "merge-tool" / "state.db"
    path.write_bytes(b"not a database" * 100)
    text = project.run("status", code=2)
    assert "state.db" in text


def test_a_second_run_is_refused_with_the_name_of_the_first(project: Project) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from merge_tool.commands.opening import Request, active_session\n"
        "with active_session(Request(Path(sys.argv[1])), must_exist=False):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(project.fork.path)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            text = project.run("phase", "0", code=1)
            assert str(process.pid) in text
            assert project.json("status", code=None)["run"]["held_by"]
        finally:
            process.kill()
    deadline = time.monotonic() + 10
    while run(["phase", "0", "--repo", str(project.fork.path)]) != 0:
        assert time.monotonic() < deadline


def test_a_branch_of_the_backups_name_is_never_moved(project: Project) -> None:
    date = time.strftime("%Y%m%d", time.gmtime())
    project.fork.git("branch", f"backup-before-upstream-merge-{date}", "HEAD~1")
    project.run("phase", "0")
    heads = project.fork.git(
        "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads/backup*"
    ).split()
    old, new = project.fork.git("rev-parse", "main~1"), project.fork.git("rev-parse", "main")
    name = f"backup-before-upstream-merge-{date}"
    assert heads == [name, old, f"{name}-2", new]
    project.run("abort")
    assert project.fork.git("rev-parse", name) == old


@pytest.mark.parametrize(
    "args", [["nonsense"], ["phase"], ["phase", "x"], ["phase", "1", "--bogus"], ["status", "extra"]]
)
def test_usage_errors_are_exit_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 2
    capsys.readouterr()


def test_help_of_every_verb_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    from merge_tool.cli import VERBS

    for verb in VERBS:
        assert run([verb, "--help"]) == 0
        text = capsys.readouterr().out
        assert re.search(r"Examples?: merge-tool", " ".join(text.split())), verb

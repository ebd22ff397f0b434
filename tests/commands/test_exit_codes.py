"""Exit codes and documents say what was asked for: failed criteria, option pairs, the scope of a phase."""

from __future__ import annotations

from pathlib import Path

import pytest

from merge_tool.cli import run
from tests.project import PLAN, Project, make_project

MODEL = """\
from sqlalchemy import Column, Integer, select
from sqlalchemy.orm import declarative_base
Base = declarative_base()
class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    tenant_id = Column(Integer)
def everybody(db):
    return db.execute(select(User))
"""
CRITERION = """\
        criteria:
          - {id: "0.1.1", given: a, when: b, then: c, check: {validate: {select: [TQ1]}}}
"""


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    made = make_project(
        tmp_path, PLAN.replace("          - {kind: fetch}\n", f"          - {{kind: fetch}}\n{CRITERION}", 1)
    )
    made.capsys = capsys
    return made


def test_a_failed_criterion_is_findings_until_it_is_mended(project: Project) -> None:
    project.fork.commit("leak", {"models.py": MODEL})
    project.run("phase", "0", code=1)
    project.run("phase", "0", code=1)  # nothing is left to do, and it still fails
    status = project.json("status", code=1)
    assert status["needs_person"] == [f"criterion 0.1.1 failed: {status['criteria'][0]['evidence']}"]
    project.run("story", "0.1", code=1)
    project.run("phase", "1")  # no criterion of this phase fails
    (project.worktree / "models.py").write_text(
        MODEL.replace("select(User)", "select(User).where(User.tenant_id == 1)")
    )
    project.fork.git("-C", str(project.worktree), "commit", "--quiet", "--all", "-m", "mended")
    project.run("story", "0.1")
    project.run("phase", "0")
    project.run("status")


def test_a_phase_lists_its_own_files_only(project: Project) -> None:
    project.run("phase", "0")
    project.run("story", "1.1")
    told = project.json("story", "1.2", "--dry-run")
    assert {item["path"] for item in told["files"]} == {"clean.py", "old.py", "renamed.py", "doomed.py"}
    assert "module/one.py" not in project.run("story", "1.2", "--dry-run")
    assert "module/one.py" in {item["path"] for item in project.json("report", "--format", "json")["files"]}


def test_a_blocked_story_is_not_what_continue_goes_on_with(project: Project) -> None:
    project.run("phase", "0")
    assert "waits for" in project.run("story", "3.1", code=1)
    said = project.json("continue", code=0)
    assert said["target"] == "phase 0"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["plan", "--schema", "--check"], "--schema prints the schema and nothing else"),
        (["validate", "--json", "--format", "sarif"], "ask for two forms"),
        (["validate", "--statistics", "--json"], "--statistics counts findings"),
        (["validate", "--statistics", "--explain"], "--statistics counts findings"),
        (["validate", "--explain", "--format", "github"], "--explain has no place"),
        (["report", "pr", "--json"], "different forms of a report"),
        (["report", "pr", "--format", "html"], "different forms of a report"),
        (["report", "-o", "/no-such-folder/x.md"], "/no-such-folder is not a folder"),
    ],
)
def test_options_that_exclude_each_other_are_refused(project: Project, args: list[str], message: str) -> None:
    if args[0] == "report":
        project.run("phase", "0")
    assert message in project.run(*args, code=2)


def test_one_rule_or_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "TQ1", "--all"]) == 2
    assert "give one or the other" in capsys.readouterr().err


def test_check_and_coverage_together(project: Project) -> None:
    project.fork.git("fetch", "--quiet", "upstream")
    said = project.run("plan", "--check", "--coverage", code=None)
    assert "holds together" in said
    assert "hard.py" in said or "files" in said
    data = project.json("plan", "--check", "--coverage", code=None)
    assert data["ok"] is True
    assert {"base", "upstream"} <= data["coverage"].keys()


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--repo", str(tmp_path / "nope")]) == 2
    assert "nope does not exist" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert run(["status", "--repo", str(tmp_path / "file")]) == 2
    assert "file is not a folder" in capsys.readouterr().err


def test_a_dependency_that_the_project_lacks_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "api.py").write_text(
        "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/')\ndef one(): ...\n"
    )
    args = ["codemod", "add-route-dependency", "--repo", str(tmp_path), "--policy", "remnabot", "-o"]
    assert run([*args, "dependency=app.nowhere.get_tenant"]) == 2
    assert "the project has no app.nowhere.get_tenant" in capsys.readouterr().err
    assert run([*args, "dependency=tenancy_library.get_tenant"]) == 0  # from a package that is installed
    assert "from tenancy_library import get_tenant" in capsys.readouterr().out

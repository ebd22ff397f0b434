"""Actions one by one: their examples load, and what each does on a real repository."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from merge_tool.actions.criteria import schema_problems
from merge_tool.actions.document import put_section
from merge_tool.actions.inventory import describe
from merge_tool.actions.registry import action_types
from merge_tool.actions.rendering import template_names
from merge_tool.errors import ActionError
from merge_tool.plan.load import parse_plan
from merge_tool.programs import mask, run_program
from merge_tool.vcs.repo import Repository
from merge_tool.vcs.workspace import Workspace
from tests.gitrepo import GitRepo
from tests.project import Project, make_project, stories_plan


@pytest.mark.parametrize("kind", sorted(action_types()))
def test_the_example_of_every_action_loads(kind: str) -> None:
    example = action_types()[kind].EXAMPLE  # type: ignore[attr-defined]
    plan = stories_plan(
        ["- id: '0.1'\n  title: One\n  estimate_hours: 1\n  files: ['a.py']\n  actions: ACTIONS\n"]
    )
    text = plan.replace(
        "ACTIONS", yaml.safe_dump([{"kind": kind, **example}], default_flow_style=True, width=9999)
    )
    loaded = parse_plan(text.encode(), "phases.yaml", action_types())
    (story,) = loaded.stories()
    assert story.actions[0].kind == kind


def test_every_kind_that_the_design_names_is_there() -> None:
    wanted = {
        "branch",
        "backup",
        "fetch",
        "copy",
        "merge",
        "cherry_pick",
        "codemod",
        "migration",
        "validate",
        "test",
        "quality",
        "document",
        "gate",
    }
    assert wanted <= set(action_types())


def make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str, files: dict[str, str | bytes | None]
) -> Project:
    """A project whose only story does one action; `files` are committed to the fork first."""
    plan = stories_plan(
        [f"- id: '0.1'\n  title: One\n  estimate_hours: 1\n  actions: [{{kind: fetch}}, {action}]\n"]
    )
    # A story that is never run keeps the run open: its plan does not deal with all of upstream's files.
    plan += (
        "  - number: 1\n    title: Later\n    stories:\n      - id: '1.1'\n        title: Later\n        depends_on: ['0.1']\n"
        "        estimate_hours: 1\n        actions: [{kind: gate, name: later}]\n"
    )
    project = make_project(tmp_path, plan)
    project.capsys = capsys
    if files:
        project.fork.commit("more", files)
    return project


def test_tests_run_on_the_branch_and_stop_the_story_when_they_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make(
        tmp_path,
        capsys,
        "{kind: test, nodes: [tests/test_it.py]}",
        {"tests/test_it.py": "import own\n\n\ndef test_it():\n    assert own.mine == 2\n"},
    )
    text = project.run("phase", "0", code=1)
    assert "1 failed" in text
    (project.worktree / "own.py").write_text("mine = 2\n")
    assert "1 passed" in project.run("continue")
    assert project.show("own.py") == "mine = 2"


def test_a_missing_test_is_told_not_passed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(tmp_path, capsys, "{kind: test, nodes: [tests/none.py]}", {})
    assert "none of 1 test files" in project.run("phase", "0")
    ledger = project.json("report", "--format", "json")["ledger"]
    assert any(item["subject"] == "tests/none.py" for item in ledger)


def test_quality_stops_on_a_file_that_does_not_parse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make(
        tmp_path,
        capsys,
        "{kind: quality, paths: ['*.py']}",
        {"bad.py": "def (:\n", "never.py": "raise SystemExit('executed')\n"},
    )
    text = project.run("phase", "0", code=1)
    assert "bad.py" in text
    (project.worktree / "bad.py").write_text("x = 1\n")
    assert "parse" in project.run("continue")


@pytest.mark.parametrize(("option", "code"), [("", 0), (", fail_on: all", 1)])
def test_quality_holds_only_new_findings_of_ruff_against_the_merge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, code: int
) -> None:
    actions = "{kind: merge, paths: [sloppy.py]}, {kind: quality, paths: ['*.py']OPTION}"
    project = make(tmp_path, capsys, actions.replace("OPTION", option), {})
    project.upstream.commit("sloppy", {"sloppy.py": "import os\n"})
    text = project.run("phase", "0", code=code)
    if code:
        assert "sloppy.py:1: F401" in text
    else:
        assert "0 new findings in changed files, 1 that the fork or upstream" in " ".join(text.split())


def test_take_theirs_resolves_only_the_conflicting_hunks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make(
        tmp_path,
        capsys,
        "{kind: merge, paths: [hard.py], take: theirs}",
        {"hard.py": "FORK = 1\n\n\ndef f(a, tenant_id):\n    return a, tenant_id\n"},
    )
    project.run("phase", "0")
    text = project.show("hard.py")
    assert "def f(a, b):" in text
    assert "<<<<" not in text


def test_documents_keep_what_people_wrote_around_their_section() -> None:
    text = put_section("# Mine\n\nby hand\n", "cabinet", "one")
    assert put_section(text, "cabinet", "two \\1") == text.replace("one", "two \\1")
    assert text.startswith("# Mine\n\nby hand\n")
    assert "rollback-procedure.md" in template_names()


def test_an_unknown_template_names_those_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make(tmp_path, capsys, "{kind: document, path: d.md, template: nope.md}", {})
    assert "rollback-procedure.md" in project.run("phase", "0", code=1)


ALEMBIC = "[alembic]\nscript_location = migrations/alembic\n"
REVISION = (
    'revision = "{0}"\ndown_revision = {1}\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n'
)
MIGRATION = "{kind: migration, message: add flag, table: things, columns: [{name: flag, type: Boolean, nullable: false, server_default: 'false'}]}"


def test_a_migration_follows_the_head_and_is_written_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files: dict[str, str | bytes | None] = {
        "alembic.ini": ALEMBIC,
        "migrations/alembic/versions/0001_first.py": REVISION.format("aaa1", "None"),
        "migrations/alembic/versions/0002_second.py": REVISION.format("bbb2", '"aaa1"'),
    }
    project = make(tmp_path, capsys, f"{MIGRATION}, {MIGRATION}", files)
    text = project.run("phase", "0")
    assert "is there already" in text
    paths = project.fork.git("ls-tree", "-r", "--name-only", project.branch(), "migrations").split()
    (new,) = (path for path in paths if path not in files)
    assert "bbb2" in project.show(new)


def test_several_heads_are_joined_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files: dict[str, str | bytes | None] = {
        "alembic.ini": ALEMBIC,
        "migrations/alembic/versions/a.py": REVISION.format("aaa1", "None"),
        "migrations/alembic/versions/b.py": REVISION.format("bbb2", "None"),
    }
    project = make(tmp_path, capsys, MIGRATION, files)
    project.run("phase", "0")
    assert any(item["what"] == "joins heads" for item in project.json("report", "--format", "json")["ledger"])


def test_backup_dumps_the_database_without_its_password_in_any_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    database = tmp_path / "fork.db"
    with sqlite3.connect(database) as connection:
        connection.execute("create table things (id integer)")
    connection.close()
    monkeypatch.setenv("MERGE_TOOL_DATABASE_URL", f"sqlite:///{database}")
    project = make(tmp_path, capsys, "{kind: backup, branch: 'backup-{date}'}", {})
    assert "dumped" in project.run("phase", "0")
    assert list((project.fork.path / ".merge-tool" / "backups").iterdir())


def test_passwords_in_output_are_masked() -> None:
    assert mask("see postgresql://bot:s3cret@db/x now") == "see postgresql://bot:***@db/x now"


def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="no program"):
        run_program(["no-such-program-here"], tmp_path)


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="did not end"):
        run_program(["sleep", "60"], tmp_path, timeout=0.2)


MODEL = """\
class User(Base):
    __tablename__ = "users"
    __table_args__ = (Index("idx_users_bot_id", "bot_id"),)

    id = Column(Integer, primary_key=True)
    email = Column(sa.String(255), nullable=True)
    bot_id: Mapped[int] = mapped_column(Integer)
"""


def test_schema_criteria_read_models_as_text(tmp_path: Path) -> None:
    made = GitRepo(tmp_path / "repo")
    made.commit("models", {"app/models.py": MODEL})
    repo = Repository.open(made.path)
    workspace = Workspace(repo, repo.tree_of("HEAD"))
    good = [
        {"name": "email", "type": "String(255)", "nullable": True},
        {"name": "bot_id", "nullable": False},
        "id",
    ]
    assert (
        schema_problems(workspace, {"table": "users", "columns": good, "indexes": ["idx_users_bot_id"]}) == []
    )
    bad = [{"name": "email", "type": "Text"}, {"name": "id", "nullable": True}, "gone"]
    problems = schema_problems(workspace, {"table": "users", "columns": bad, "indexes": ["idx_users_email"]})
    assert len(problems) == 4
    assert schema_problems(workspace, {"table": "none"}) == ["no model has the table none"]


def test_the_inventory_counts_routes_and_names_what_a_file_holds() -> None:
    text = "@router.get('/')\nasync def a(): ...\n\n\ndef b(): ...\n\n\nclass C: ...\n"
    assert describe("x.py", text.encode()) == (1, "`b`, `C`")
    assert describe("x.py", b"def (")[1].startswith("does not parse")
    assert describe("x.md", b"# x") == (0, "")


def test_coverage_of_the_changed_files_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make(
        tmp_path,
        capsys,
        "{kind: copy, paths: ['module/**']}, {kind: test, nodes: [tests/test_it.py], coverage: 1}",
        {"tests/test_it.py": "import own\nfrom module import one\n\n\ndef test_it():\n    assert own.mine\n"},
    )
    project.run("phase", "0")
    report = project.json("report", "--format", "json")
    assert {item["path"]: (item["share"], item["missing"]) for item in report["coverage"]} == {
        "module/__init__.py": (100, ""),
        "module/one.py": (100, ""),
        "module/two.py": (0, "1"),
    }
    assert project.fork.git("-C", str(project.worktree), "status", "--porcelain") == "", (
        "no data file is left"
    )
    reasons = {
        item["path"]: [reason["text"] for reason in item["reasons"] if reason["kind"] == "test"]
        for item in report["risks"]
    }
    assert reasons["module/two.py"] == ["no test runs 1 of its 1 changed lines"]
    assert not reasons.get("module/one.py")


def test_a_coverage_report_that_is_none_measures_nothing(tmp_path: Path) -> None:
    from merge_tool.actions.coverage import ranges, read_coverage

    path = tmp_path / "coverage.json"
    for text in ("", "{", "[]", '{"files": 3}', '{"files": {"a.py": {}}}', '{"files": {"a.py": 1}}'):
        path.write_text(text)
        assert read_coverage(path, {"a.py"}) == ()
    assert read_coverage(tmp_path / "none", {"a.py"}) == ()
    path.write_text('{"files": {"a.py": {"executed_lines": [1, 2], "missing_lines": [4, 5, 9]}, "b.py": {}}}')
    (found,) = read_coverage(path, {"a.py"})
    assert (found.missing, found.share, found.missed()) == ("4-5,9", 40, {4, 5, 9})
    assert ranges([]) == ""

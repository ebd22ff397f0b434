"""What `doctor` looks at."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from merge_tool.errors import MergeToolError


@dataclass(frozen=True)
class Line:
    """One line of the check: `ok`, `warn` or `fail`, what was found, and how to mend it."""

    name: str
    state: str
    found: str
    mend: str = ""


def checkup(repo: Path, plan_file: Path | None, database_url: str, python: str) -> list[Line]:
    """Every line, in the order in which a run would need the thing."""
    lines = [_git()]
    if lines[0].state == "fail":
        return lines
    from merge_tool.commands.opening import plan_path, read_plan
    from merge_tool.vcs.repo import Repository

    try:
        repository = Repository.open(repo)
    except MergeToolError as error:
        return [*lines, Line("repository", "fail", str(error), error.hint)]
    lines.append(Line("repository", "ok", str(repository.root)))
    try:
        path = plan_path(repository.root, plan_file)
        plan = read_plan(path)
        lines.append(
            Line(
                "plan", "ok", f"{path}: {sum(1 for _ in plan.stories())} stories in {len(plan.phases)} phases"
            )
        )
    except MergeToolError as error:
        return [*lines, Line("plan", "fail", str(error), error.hint or "merge-tool plan --check")]
    lines += _upstream(repository, plan.upstream.remote, plan.upstream.branch)
    status = repository.run("status", "--porcelain", "--untracked-files=no")
    count = status.count(b"\n")
    lines.append(
        Line(
            "tree",
            "warn",
            f"{count} changed files are not committed: a run does not see them",
            "git commit, or git stash",
        )
        if count
        else Line("tree", "ok", "no uncommitted change")
    )
    name = repository.config("user.name")
    lines.append(
        Line("identity", "ok", name)
        if name
        else Line(
            "identity",
            "warn",
            "git knows no user.name; commits will be by merge-tool",
            "git config user.name NAME",
        )
    )
    lines += _tools(database_url)
    lines.append(_python(python or sys.executable, repository))
    return lines


def _git() -> Line:
    program = shutil.which("git")
    if program is None:
        return Line("git", "fail", "not installed", "install git 2.38 or later")
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    match = re.search(r"(\d+)\.(\d+)", text)
    if match is None or (int(match[1]), int(match[2])) < (2, 38):
        return Line("git", "fail", text, "merge-tool needs git 2.38 or later (git merge-tree --write-tree)")
    return Line("git", "ok", text)


def _upstream(repository: object, remote: str, branch: str) -> list[Line]:
    from merge_tool.vcs.repo import Repository

    assert isinstance(repository, Repository)
    if remote not in repository.remotes():
        return [
            Line("upstream", "fail", f"there is no remote called {remote}", f"git remote add {remote} URL")
        ]
    commit = repository.try_resolve(f"refs/remotes/{remote}/{branch}")
    if commit is None:
        return [
            Line(
                "upstream",
                "warn",
                f"{remote}/{branch} has not been fetched yet",
                f"git fetch {remote} {branch} (story 0.1 does it)",
            )
        ]
    lines = [Line("upstream", "ok", f"{remote}/{branch} at {commit[:12]}")]
    try:
        base = repository.merge_base(repository.resolve("HEAD"), commit)
    except MergeToolError as error:
        return [*lines, Line("merge base", "fail", str(error), error.hint)]
    behind = repository.text("rev-list", "--count", f"{base}..{commit}")
    return [*lines, Line("merge base", "ok", f"{base[:12]}, upstream is {behind} commits ahead of it")]


def _tools(database_url: str) -> list[Line]:
    lines = []
    if database_url and not database_url.startswith("sqlite"):
        from merge_tool.database.dump import mask_url
        from merge_tool.database.preflight import ready

        try:
            program, _ = ready(database_url, Path(), os.environ.get("MERGE_TOOL_PG_DUMP", "") or "pg_dump")
            lines.append(
                Line(
                    "pg_dump",
                    "ok",
                    f"{program}, new enough for {mask_url(database_url)}, with room for a dump",
                )
            )
        except MergeToolError as error:
            lines.append(Line("pg_dump", "fail", error.message, error.hint))
    else:
        lines.append(
            Line(
                "database",
                "warn",
                "no --database-url: story 0.1 makes no dump",
                "set MERGE_TOOL_DATABASE_URL",
            )
        )
    return lines


def _python(python: str, repository: object) -> Line:
    """Whether the interpreter that is to run the fork's tests reads its syntax."""
    from merge_tool.vcs.repo import Repository
    from merge_tool.vcs.workspace import Workspace, parses

    assert isinstance(repository, Repository)
    done = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return Line("interpreter", "fail", f"{python} does not run", "name another with --python")
    files = Workspace(repository, repository.tree_of("HEAD")).python_files()
    broken = [path for path, data in files.items() if parses(path, data)]
    version = done.stdout.strip()
    if broken:
        here = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return Line(
            "interpreter",
            "warn",
            f"{len(broken)} of {len(files)} files do not parse with Python {here}, the first is {broken[0]}",
            "run merge-tool with the Python that the fork is written for",
        )
    return Line("interpreter", "ok", f"{python} ({version}); all {len(files)} Python files parse")

"""Runs generated tests once, to take out those whose call works for nobody. This runs the project's code."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from merge_tool.errors import ActionError, UserError
from merge_tool.isolation.generate import generate
from merge_tool.isolation.model import Generated, Options
from merge_tool.model.policy import Policy
from merge_tool.programs import run_program

CANNOT = "cannot be tried: "
_TIMEOUT = 1800.0


@dataclass(frozen=True)
class TestRun:
    """How a run of generated tests went: the names by what became of them, with the first line of the reason."""

    passed: tuple[str, ...]
    failed: Mapping[str, str]
    cannot: Mapping[str, str]
    skipped: int
    seconds: float


def tried(
    files: Mapping[str, bytes],
    policy: Policy,
    options: Options,
    root: Path,
    python: str = "",
    database_url: str = "",
) -> Generated:
    """Generates tests, runs them on a copy of the project, and generates them anew without those that cannot work.

    Args:
        root: the project's files on disk, which are copied and not changed.
        python: the interpreter with the project's requirements; by default this one.
        database_url: the database to use instead of SQLite.

    Raises:
        UserError: nothing is there to test, or pytest cannot be run there.
    """
    options = replace(options, crossed=True)
    made = generate(files, policy, options)
    with tempfile.TemporaryDirectory(prefix="merge-tool-isolation-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(
            root,
            copy,
            ignore=shutil.ignore_patterns(".git", ".merge-tool", "__pycache__", ".venv"),
            symlinks=True,
        )
        write_files(copy, made.files)
        run = run_tests(copy, [options.path], python, database_url, source=made.source)
    # What fails with such rows may rely on the parent's tenant; what leaks without them too fails all the same.
    uncrossed = frozenset(run.failed) & made.crossed
    if not run.cannot and not uncrossed:
        return made
    left_out = {**options.leave_out, **run.cannot}
    return generate(files, policy, replace(options, leave_out=left_out, uncrossed=uncrossed))


def write_files(root: Path, files: Mapping[str, str]) -> None:
    """Writes text files below a folder."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def run_tests(
    root: Path, nodes: list[str], python: str = "", database_url: str = "", *, source: str = "", arguments: tuple[str, ...] = (), timeout: float = _TIMEOUT
) -> TestRun:  # fmt: skip
    """Runs pytest in a project.

    Args:
        source: the folder in it that its modules are imported from.

    Raises:
        UserError: it did not run: no such interpreter, no pytest there, or the tests cannot be imported.
    """
    with tempfile.TemporaryDirectory(prefix="merge-tool-junit-") as folder:
        junit = Path(folder) / "junit.xml"
        command = [
            python or sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-q",
            "--tb=short",
            f"--junitxml={junit}",
        ]
        env = {
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(dict.fromkeys((str(root / source), str(root)))),
        }
        if database_url:
            env["ISOLATION_DATABASE_URL"] = database_url
        try:
            output = run_program([*command, *arguments, "--", *nodes], root, env=env, timeout=timeout).output
        except ActionError as error:
            raise UserError(f"the isolation tests: {error.message}", hint=error.hint) from error
        found = _read(junit)
    if found is None:
        lines = [line for line in output.splitlines() if line.startswith("E ")] or output.splitlines()
        raise UserError(
            f"the isolation tests did not run: {(lines or ['no output'])[0].strip()}",
            hint="name an interpreter with the project's requirements and pytest by --python",
        )
    return found


def _read(junit: Path) -> TestRun | None:
    """What a JUnit file says; None where there is none, or no test could be collected."""
    if not junit.exists():
        return None
    suite = ET.parse(junit).getroot().find("testsuite")  # noqa: S314 written by the pytest that we started
    if suite is None:
        return None
    passed: list[str] = []
    failed: dict[str, str] = {}
    cannot: dict[str, str] = {}
    skipped = 0
    for case in suite.findall("testcase"):
        name = case.get("name", "")
        bad = case.find("failure")
        bad = bad if bad is not None else case.find("error")
        if bad is None:
            if case.find("skipped") is not None:
                skipped += 1
            else:
                passed.append(name)
            continue
        message = " ".join(re.sub(r"^Failed: ", "", bad.get("message", "")).split())
        if not case.get("classname") and case.find("error") is not None:
            return None
        if message.startswith(CANNOT):
            cannot[name] = message.removeprefix(CANNOT)[:300]
        else:
            failed[name] = message[:500]
    if not passed and not cannot and not failed:
        return None
    return TestRun(tuple(passed), failed, cannot, skipped, float(suite.get("time", "0")))

"""`demo`: the whole thing on a miniature project, without a question."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from merge_tool.commands import options

MARK = ".merge-tool-demo"
DOCUMENT = "demo.json"


NEEDED = (
    "pytest", "pytest_asyncio", "pytest_cov", "fastapi", "httpx", "aiosqlite", "greenlet", "redis", "jwt", "pydantic_settings",
)  # fmt: skip


def without_tests() -> str:
    """Why the miniature's tests cannot run in this interpreter; "" where they can."""
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    return f"{', '.join(missing)} not installed: pip install 'merge-tool[demo]'" if missing else ""


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to build it.")] = Path(
        "merge-tool-demo"
    ),
    phases: Annotated[
        int,
        typer.Option("--phases", metavar="N", min=1, help="How many phases, from phase 0, for a shorter look.", show_default="all"),
    ] = 10_000,
    as_json: options.Json = False,
) -> int:  # fmt: skip
    """Build a miniature upstream and a multi-tenant fork of it in DIR, and run all phases of the plan there.

    Nothing is asked: the demo signs the gates as "demo" and brings recorded edits where a person would decide, and the
    report says so at each. A DIR that an earlier demo made is built anew; any other folder with files in it is left alone. What --json prints
    is kept in DIR/demo.json too.

    Examples: merge-tool demo /tmp/demo; merge-tool demo /tmp/demo --phases 3
    """
    import shutil
    import sys
    from dataclasses import replace

    from merge_tool.bundled import bundled
    from merge_tool.commands.demo_team import Team
    from merge_tool.commands.opening import Request, active_session
    from merge_tool.commands.run import units_of
    from merge_tool.demo.builder import build_miniature
    from merge_tool.engine.moves import finish, take_up
    from merge_tool.engine.runner import Runner, RunResult
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.files import write_atomic
    from merge_tool.plan.order import units
    from merge_tool.report.data import build_report
    from merge_tool.report.progress import progress
    from merge_tool.report.summary import print_run_summary, run_json

    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARK).exists():
                raise UserError(f"{folder} is not empty", hint="name another folder, or remove it")
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
    except OSError as error:
        raise UserError(
            f"{folder} cannot be made: {error.strerror or error}", hint="name another folder"
        ) from error
    target = folder.resolve()

    def note(text: str) -> None:
        if not as_json:
            sys.stderr.write(f"{text}\n")

    lacking = without_tests()
    if lacking:
        note(f"the miniature's tests are not run, {lacking}")
    note("building the miniature upstream and its multi-tenant fork")
    built = build_miniature(target)
    request = Request(built.fork)
    team = Team(bundled("fixtures") / "miniature" / "team")
    result = RunResult()
    number, last = 0, 0
    while number <= last and not result.stopped:
        with active_session(request, must_exist=False) as session, progress(as_json=as_json) as listener:
            last = min(max(item.number for item in session.plan.phases), phases - 1)
            session.listener = listener
            session.settings = replace(session.settings, no_tests=lacking)
            session.update_run(target=f"phase {number}")
            wanted = units_of(session.plan, f"phase {number}")
            result = Runner(session).run(wanted)
            while result.stopped and team.act(session, result):
                result = Runner(session).run([take_up(session), *wanted])
            if not result.stopped and not result.finished:
                team.commit(session, number)
            data = build_report(session.store, session.run)
        number += 1
    from merge_tool.commands.report import write_reports

    commit = ""
    with active_session(request) as session, progress(as_json=as_json) as listener:
        session.listener = listener
        session.settings = replace(session.settings, no_tests=lacking)
        if result.finished:
            # What a later story brought: criteria that were open or red at the end of their own are asked once more.
            late = {item.story_id for item in data.criteria if item.status in ("open", "failed")}
            Runner(session).recheck(unit for unit in units(session.plan) if unit.story_id in late)
            commit = finish(session)
            session.refresh()
            data = build_report(session.store, session.run)
        written = write_reports(session)
        document = run_json(
            data,
            {
                "finished": commit,
                "reports": [str(path) for path in written],
                "fork": str(built.fork),
                "upstream": str(built.upstream),
            },
        )
        write_atomic(target / DOCUMENT, document.encode())
        if as_json:
            sys.stdout.write(document)
        else:
            print_run_summary(data, result, session, written, finished=bool(commit))
    failed = any(item.status == "failed" for item in data.criteria)
    return ExitCode.FINDINGS if result.stopped or failed else ExitCode.CLEAN

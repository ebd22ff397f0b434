"""`demo`: the whole thing on a miniature project, without a question."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from merge_tool.commands import options

MARK = ".merge-tool-demo"
PHASES = (0, 1, 2)


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to build it.")] = Path(
        "merge-tool-demo"
    ),
    as_json: options.Json = False,
) -> int:
    """Build a miniature upstream and a multi-tenant fork of it in DIR, and run phases 0 to 2 there.

    A DIR that an earlier demo made is built anew; any other folder with files in it is left alone.

    Example: merge-tool demo /tmp/demo
    """
    import shutil
    import sys

    from merge_tool.commands.opening import Request, active_session
    from merge_tool.commands.run import units_of
    from merge_tool.demo.builder import build_miniature
    from merge_tool.engine.runner import Runner, RunResult
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.report.data import build_report
    from merge_tool.report.progress import progress
    from merge_tool.report.summary import print_run_json, print_run_summary

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

    note("building the miniature upstream and its multi-tenant fork")
    built = build_miniature(target)
    request = Request(built.fork)
    result = RunResult()
    for number in PHASES:
        with active_session(request, must_exist=False) as session, progress(as_json=as_json) as listener:
            session.listener = listener
            session.update_run(target=f"phase {number}")
            result = Runner(session).run(units_of(session.plan, f"phase {number}"))
            data = build_report(session.store, session.run)
            if result.stopped:
                break
    from merge_tool.commands.report import write_reports

    with active_session(request) as session:
        written = write_reports(session)
        if as_json:
            print_run_json(
                data,
                {
                    "reports": [str(path) for path in written],
                    "fork": str(built.fork),
                    "upstream": str(built.upstream),
                },
            )
        else:
            print_run_summary(data, result, session, written)
    failed = any(item.status == "failed" for item in data.criteria)
    return ExitCode.FINDINGS if result.stopped or failed else ExitCode.CLEAN

"""`doctor`: is everything there that a run needs?"""

from __future__ import annotations

from pathlib import Path

from merge_tool.commands import options


def doctor(
    repo: options.Repo = Path(),
    plan: options.PlanFile = None,
    database_url: options.DatabaseUrl = "",
    python: options.PythonPath = "",
    as_json: options.Json = False,
) -> int:
    """Check git, remotes, the merge base, the tree, tools and interpreter; each line says how to mend what is wrong.

    Example: merge-tool doctor --repo ../fork
    """
    from merge_tool.commands.checkup import checkup
    from merge_tool.errors import ExitCode
    from merge_tool.report.summary import say

    lines = checkup(repo, plan, database_url, python)
    shown = [
        f"{item.state:<5} {item.name}: {item.found}" + (f"\n      mend: {item.mend}" if item.mend else "")
        for item in lines
    ]
    data = {"checks": [{"name": i.name, "state": i.state, "found": i.found, "mend": i.mend} for i in lines]}
    say(data, shown, as_json)
    return ExitCode.FINDINGS if any(item.state == "fail" for item in lines) else ExitCode.CLEAN

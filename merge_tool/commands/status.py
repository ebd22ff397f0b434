"""`status`: where everything stands."""

from __future__ import annotations

from pathlib import Path

import typer  # noqa: F401 kept light: this verb must answer in well under half a second

from merge_tool.commands import options


def status(
    repo: options.Repo = Path(), state_url: options.StateUrl = "", as_json: options.Json = False
) -> int:
    """Say where the run stands: stories, gates, conflicts, what needs a person, and the next command to type.

    Reads only; needs no lock. Exit code 1 where something waits for a person.

    Example: merge-tool status --json
    """
    from merge_tool.commands.light import common_dir, git_line, light_store
    from merge_tool.errors import ExitCode
    from merge_tool.report.status import print_status, status_data

    with light_store(repo, state_url) as store:
        run = (store.active_run() or store.last_run()) if store else None
        if store is None or run is None:
            from merge_tool.report.summary import say

            nothing: dict[str, object] = {"run": None, "stories": [], "criteria": [], "files": []}
            say(nothing, ["no run was begun here", "next: merge-tool phase 0"], as_json)
            return ExitCode.CLEAN
        tip = git_line(repo, "rev-parse", "--verify", "--quiet", f"refs/heads/{run.merge_branch}")
        # Commits by hand on top of the run's are taken by the next command; nothing is wrong with them.
        follows = tip == run.tip or (bool(tip) and git_line(repo, "merge-base", run.tip, tip) == run.tip)
        data = status_data(store, run, common_dir(repo), stray="" if follows else tip or "nowhere")
    print_status(data, as_json=as_json)
    return ExitCode.FINDINGS if data.needs_person else ExitCode.CLEAN

"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Repo = Annotated[
    Path, typer.Option("--repo", metavar="DIR", help="The fork's repository.", show_default="here")
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="The plan; default: phases.yaml in the repository, else the bundled one.",
    ),
]
PolicyName = Annotated[
    str,
    typer.Option(
        "--policy",
        metavar="FILE|NAME",
        help="The tenancy policy; default: the plan's, else tenancy.yaml, else that of the run here.",
    ),
]
StateUrl = Annotated[
    str,
    typer.Option("--state-url", metavar="URL", envvar="MERGE_TOOL_STATE_URL", help="Where the state is kept: SQLite in the git directory, or a team's PostgreSQL.", show_envvar=True, show_default=False),
]  # fmt: skip
DatabaseUrl = Annotated[
    str,
    typer.Option("--database-url", metavar="URL", envvar="MERGE_TOOL_DATABASE_URL", help="The fork's database, for the backup.", show_envvar=True, show_default=False),
]  # fmt: skip
PythonPath = Annotated[
    str,
    typer.Option("--python", metavar="PROGRAM", envvar="MERGE_TOOL_PYTHON", help="The interpreter that runs the fork's tests.", show_envvar=True, show_default=False),
]  # fmt: skip
Json = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output, and nothing else there.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, file by file; touch nothing.")
]
ReloadPlan = Annotated[
    bool, typer.Option("--reload-plan", help="Take the plan file as it is now into the active run.")
]

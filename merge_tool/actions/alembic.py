"""Tries the branch's Alembic revisions on a scratch database: one head, up, down and up with data, and no drift from the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.actions.branch_database import run_alembic, scratch
from merge_tool.actions.migration import versions_folder
from merge_tool.model.outcome import Outcome, OutcomeStatus
from merge_tool.vcs.workspace import Workspace


@dataclass(frozen=True)
class Alembic:
    """Runs `alembic upgrade`, `downgrade` and `upgrade` with rows in the tables, and compares the schema and the rows.

    The database of `--database-url` is not touched: a scratch database is made beside it, and dropped. `down_to` is the
    revision to go down to; by default the newest that the fork had before the merge. `drift` compares the models with
    the revisions (`alembic check`). This runs the fork's code, with the interpreter that `--python` names.
    """

    kind: ClassVar[str] = "alembic"
    EXAMPLE: ClassVar[dict[str, Any]] = {"drift": True}

    down_to: str = ""
    drift: bool = True

    def run(self, ctx: Context) -> Outcome:
        """Tries them; see the class."""
        if ctx.dry_run:
            return Outcome(
                OutcomeStatus.DONE, "would run alembic upgrade, downgrade, upgrade on a scratch database"
            )
        problems, told = try_revisions(ctx, self.down_to, drift=self.drift)
        status = OutcomeStatus.STOPPED if problems else OutcomeStatus.DONE
        return Outcome(status, "; ".join(problems) or told, details=tuple(problems))


def try_revisions(ctx: Context, down_to: str = "", *, drift: bool = True) -> tuple[list[str], str]:
    """Runs the revisions up, down and up on a scratch database.

    Returns:
        What is wrong, and what was done in one line.

    Raises:
        ActionError: no PostgreSQL was given, or Alembic cannot be run.
    """
    from merge_tool.database.live.connect import reading
    from merge_tool.database.live.read import read_catalog
    from merge_tool.database.live.scratch import count, fill
    from merge_tool.database.live.shape import differences

    target = down_to or _before(ctx)
    with scratch(ctx) as url:

        def look() -> Any:
            with reading(url) as connection:
                return read_catalog(connection)

        first = run_alembic(ctx, url, [("upgrade", "heads"), *([("check", "")] if drift else [])])
        if len(first.heads) > 1:
            return [
                f"{len(first.heads)} heads: {', '.join(sorted(first.heads))}; join them with `alembic merge heads`"
            ], ""
        if first.error:
            return [_failed(first.error, first.done, "upgrade heads", drift)], ""
        problems = [f"models and revisions differ: {text}" for text in first.drift]
        before = look()
        rows = fill(url, before)
        down = run_alembic(ctx, url, [("downgrade", target)])
        if down.error:
            return [*problems, f"alembic downgrade {target} fails with rows in the tables: {down.error}"], ""
        below = look()
        lost = [
            f"alembic downgrade {target} loses rows of {name}: {number} before, {there} after"
            for name, there in count(url, below).items()
            if (number := rows.get(name, 0)) > there
        ]
        up = run_alembic(ctx, url, [("upgrade", "heads")])
        if up.error:
            return [
                *problems,
                *lost,
                f"alembic upgrade after the downgrade fails with rows in the tables: {up.error}",
            ], ""
        problems += lost + [f"after down and up {text}" for text in differences(before, look())]
    filled = sum(bool(number) for number in rows.values())
    told = f"alembic upgrade, downgrade {target}, upgrade with rows in {filled} of {len(rows)} tables: schema and rows as before"
    return problems, told + (
        ", models and revisions agree" if drift else ""
    ) + f", one head {''.join(first.heads)}"


def _failed(error: str, done: tuple[tuple[str, str], ...], step: str, drift: bool) -> str:
    return f"alembic check fails: {error}" if drift and done else f"alembic {step} fails: {error}"


def _before(ctx: Context) -> str:
    """The head of the revisions at the fork's commit, where the branch has others on top; else one step back."""
    from merge_tool.database.heads import read_chain

    def files(workspace: Workspace, folder: str) -> dict[str, str]:
        return {
            path: workspace.read(path).decode("utf-8", "replace")
            for path in workspace.matching([f"/{folder}/*.py"])
        }

    folder = versions_folder(ctx.workspace)
    now = read_chain(files(ctx.workspace, folder))
    fork = ctx.facts.get("fork_commit", "")
    if fork:
        then = read_chain(files(Workspace(ctx.repo, ctx.repo.tree_of(fork)), folder))
        if (
            len(then.heads) == 1
            and then.heads != now.heads
            and then.heads[0] in {item.id for item in now.revisions}
        ):
            return then.heads[0]
    return "-1"


ACTION = Alembic

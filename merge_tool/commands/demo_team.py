"""The people of the demo: they sign its gates and bring the edits that a person would make, and say in the report that they did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from merge_tool.engine.runner import RunResult
    from merge_tool.engine.session import Session
    from merge_tool.plan.order import Unit

NAME = "demo"
EMAIL = "demo@example.org"
NOTE = "signed by the demo itself, nobody looked: a real run asks for `merge-tool approve`"


class Team:
    """Acts at the stops of the demo.

    The edits stand in `folder/STORY` as whole files: in `conflicts/` those of conflicted files, in `along/` what must change with
    them, in `files/` those of any other stop; `delete` names conflicted files to remove, one a line. A stop is mended once: the second at the same place is a stop for
    the user of the demo, too. `folder/after-phase-N` holds a commit that a person makes on the branch by hand between two
    phases: its `files/`, and its `message`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.edited: set[tuple[Unit, int]] = set()
        self.signed = 0

    def act(self, session: Session, result: RunResult) -> bool:
        """Does what the stop asks a person for.

        Returns:
            Whether there is reason to go on: something was signed or edited.
        """
        from merge_tool.engine.conflicts import stopped_step
        from merge_tool.model.outcome import OutcomeStatus

        unit, outcome = result.stopped, result.outcome
        if unit is None or outcome is None:
            return False
        if outcome.status is OutcomeStatus.GATE:
            from merge_tool.engine.signing import approve

            self.signed += len(approve(session, str(unit), NAME, EMAIL, NOTE))
            return True
        step = stopped_step(session)
        if (unit, step.index) in self.edited:
            return False
        self.edited.add((unit, step.index))
        conflicts = [item.path for item in outcome.conflicts]
        return self._edit(session, unit, conflicts)

    def _edit(self, session: Session, unit: Unit, conflicts: list[str]) -> bool:
        """Writes the story's files into the worktree."""
        from merge_tool.demo.recipe import read_tree
        from merge_tool.model.outcome import FileVerdict, Verdict

        home = self.folder / unit.story_id
        source = home / ("conflicts" if conflicts else "files")
        wanted: dict[str, bytes | None] = {path: file.read_bytes() for path, file in read_tree(source)}
        if conflicts and (home / "delete").is_file():
            wanted |= dict.fromkeys((home / "delete").read_text(encoding="utf-8").split())
        chosen = {path: data for path, data in wanted.items() if not conflicts or path in conflicts}
        if chosen and conflicts:
            chosen |= {path: file.read_bytes() for path, file in read_tree(home / "along")}
        for path, data in chosen.items():
            target = session.worktree.path / path
            if data is None:
                target.unlink(missing_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            said = f"edited by the demo's own hands (fixtures/miniature/team/{unit.story_id})"
            verdict = FileVerdict(path, Verdict.RESOLVED, NAME, said)
            session.store.record_file(session.run.id, unit.story_id, unit.batch, verdict)
        return bool(chosen)

    def commit(self, session: Session, phase: int) -> bool:
        """Makes the commit by hand that stands behind a phase; gives whether there is one.

        The next command takes it, as it takes any commit that a person makes on the branch.
        """
        from dataclasses import replace

        from merge_tool.demo.recipe import read_tree
        from merge_tool.vcs.workspace import Workspace

        home = self.folder / f"after-phase-{phase}"
        if not home.is_dir():
            return False
        repo, tip = session.repo, session.run.tip
        workspace = Workspace(repo, repo.tree_of(tip))
        for path, source in read_tree(home / "files"):
            workspace.write(path, source.read_bytes())
        author = replace(session.identity(), name=NAME, email=EMAIL)
        message = (home / "message").read_text(encoding="utf-8")
        commit = repo.commit_tree(workspace.flush(), [tip], message, author)
        repo.update_refs([(session.branch_ref, commit, tip)])
        return True

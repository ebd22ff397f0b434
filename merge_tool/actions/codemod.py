"""Runs a codemod on the branch's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.errors import ActionError
from merge_tool.model.outcome import FileVerdict, Outcome, OutcomeStatus, Verdict


@dataclass(frozen=True)
class CodemodAction:
    """Runs the codemod `name` with `options` on the Python files that match `paths` (default: the story's files).

    The whole project is read, so that names resolve; only the chosen files, and files that the codemod must change
    together with them, are edited. Sites that it is not sure of are listed, not changed. Paths that the plan excludes are
    worked on where the fork has them: they are kept from upstream, and their queries and tests must fit the rest.
    """

    kind: ClassVar[str] = "codemod"
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "name": "add-route-dependency",
        "paths": ["app/cabinet/routes/**/*.py"],
        "options": {"dependency": "app.cabinet.dependencies.get_cabinet_tenant"},
    }

    name: str
    paths: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def run(self, ctx: Context) -> Outcome:
        """Runs it; see the class."""
        from merge_tool.codemods.base import make_codemod
        from merge_tool.codemods.run import run_codemod

        codemod = make_codemod(self.name, self.options, where=str(ctx.story.at))
        files = ctx.workspace.python_files()
        patterns = self.paths or (ctx.batch_files if ctx.batch_files is not None else ctx.story.files)
        chosen = [path for path in ctx.workspace.matching(patterns) if path in files]
        if not chosen and patterns:
            raise ActionError(
                f"no Python file of this branch matches {', '.join(patterns[:5])}",
                hint="check the paths; an earlier story may have to bring the files in",
                where=str(ctx.story.at),
            )
        ctx.say(f"{self.name} on {len(chosen)} file{'s' * (len(chosen) != 1)}")
        new, result = run_codemod(codemod, files, chosen, ctx.policy)
        verdicts = []
        for path in sorted(set(chosen) | set(new)):
            if path in new and ctx.workspace.write(path, new[path]):
                count = sum(edit.path == path for edit in result.edits)
                verdicts.append(
                    FileVerdict(path, Verdict.REWRITTEN, self.name, f"{count} edit{'s' * (count != 1)}")
                )
            else:
                verdicts.append(FileVerdict(path, Verdict.UNCHANGED, self.name))
        changed = sum(item.verdict is Verdict.REWRITTEN for item in verdicts)
        summary = f"{self.name}: {len(result.edits)} edits in {changed} files"
        if result.not_done:
            summary += f", {len(result.not_done)} sites left to a person"
        return Outcome(
            OutcomeStatus.DONE, summary, files=tuple(verdicts), edits=result.edits, not_done=result.not_done
        )


ACTION = CodemodAction

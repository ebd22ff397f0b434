"""Copies files that the fork does not have from upstream, with an inventory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.actions.inventory import render_inventory
from merge_tool.errors import ActionError
from merge_tool.model.outcome import FileVerdict, Outcome, OutcomeStatus, Verdict
from merge_tool.plan.patterns import PathMatcher


@dataclass(frozen=True)
class Copy:
    """Copies upstream's files that match `paths`.

    A file that the fork has already with the same text is left; with another text it is a mistake of the plan, since
    copying would lose the fork's own: use `merge`. `inventory` names a Markdown file that lists what was copied.
    `expect` is the number of files that the plan's author counted; another number is told, not refused.
    """

    kind: ClassVar[str] = "copy"
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "paths": ["app/cabinet/**"],
        "inventory": "docs/merge/cabinet-inventory.md",
        "expect": 31,
    }

    paths: tuple[str, ...]
    inventory: str = ""
    expect: int | None = None

    def run(self, ctx: Context) -> Outcome:
        """Copies; see the class."""
        upstream = ctx.need_upstream()
        matcher = PathMatcher(self.paths)
        there = {
            path: entry for path, entry in ctx.repo.ls_tree(upstream.tree).items() if matcher.matches(path)
        }
        if not there:
            raise ActionError(
                f"upstream {upstream.commit[:12]} has no file that matches {', '.join(self.paths)}",
                hint="check the story's paths, or the upstream commit",
                where=str(ctx.story.at),
            )
        base = ctx.repo.ls_tree(upstream.base)
        files: list[FileVerdict] = []
        for path, entry in there.items():
            mine = ctx.workspace.entry(path)
            if reason := ctx.excluded(path):
                files.append(FileVerdict(path, Verdict.EXCLUDED, "plan", reason))
            elif mine == entry:
                files.append(FileVerdict(path, Verdict.UNCHANGED, "copy"))
            elif mine is not None and entry == base.get(path):
                files.append(
                    FileVerdict(
                        path, Verdict.KEPT, "copy", "upstream has not changed it since the merge base"
                    )
                )
            elif mine is not None and mine != base.get(path):
                raise ActionError(
                    f"the fork has its own {path}; copying would lose it",
                    hint="use the action `merge` for it",
                    where=str(ctx.story.at),
                )
            else:
                ctx.workspace.put(path, entry)
                verdict = Verdict.COPIED if mine is None else Verdict.UPDATED
                files.append(FileVerdict(path, verdict, "copy", upstream.without.get(path, "")))
        count = sum(item.verdict is not Verdict.EXCLUDED for item in files)
        details = []
        if self.expect is not None and count != self.expect:
            details.append(f"the plan expects {self.expect} files, upstream has {count}")
        if self.inventory:
            text = render_inventory(ctx, [item for item in files if item.verdict is not Verdict.EXCLUDED])
            if ctx.workspace.write(self.inventory, text.encode()):
                files.append(FileVerdict(self.inventory, Verdict.GENERATED, "copy", "inventory"))
        summary = f"{count} file{'s' * (count != 1)} of upstream" + (
            f" (as planned: {self.expect})" if count == self.expect else ""
        )
        ledger = tuple(item for item in upstream.ledger if matcher.matches(item.subject))
        return Outcome(OutcomeStatus.DONE, summary, files=tuple(files), details=tuple(details), ledger=ledger)


ACTION = Copy

"""Writes a document from a template into the branch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.actions.regions import keep_regions
from merge_tool.actions.rendering import render
from merge_tool.model.outcome import FileVerdict, LedgerEntry, Outcome, OutcomeStatus, Verdict

MARK = "by merge-tool"  # stands in every whole file that a template makes: "Written by merge-tool"


@dataclass(frozen=True)
class Document:
    """Renders the template `template` to `path`: the team's own of `merge-templates/` on the branch, else the bundled one.

    With `section`, only that section of a hand-written Markdown file is written: between
    `<!-- merge-tool: SECTION -->` and `<!-- /merge-tool: SECTION -->`, appended where the markers are not there yet.
    All else in the file is kept. So are the regions between `<!-- keep: NAME -->` and `<!-- /keep: NAME -->` (in code
    `# keep: NAME` and `# /keep: NAME`), where people write into what is generated. A whole file that does not say that it
    was written by merge-tool is somebody's own: it is left as it is, and the ledger says so.

    `endpoints` are patterns of the files whose routes the document describes; `values` is whatever else a template takes.
    """

    kind: ClassVar[str] = "document"
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "path": "docs/rollback-procedure.md",
        "template": "rollback-procedure.md",
    }

    path: str
    template: str
    title: str = ""
    section: str = ""
    endpoints: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)

    def run(self, ctx: Context) -> Outcome:
        """Writes it; see the class."""
        entry = ctx.workspace.entry(self.path)
        old = ctx.workspace.read(self.path).decode("utf-8", "replace") if entry else ""
        if old.strip() and not self.section and MARK not in old:
            why = "it is there, and was not written by merge-tool"
            return Outcome(
                OutcomeStatus.DONE,
                f"{self.path} is left: {why}",
                files=(FileVerdict(self.path, Verdict.KEPT, "document", why),),
                ledger=(LedgerEntry(self.path, "not generated", f"{why}; template {self.template}"),),
            )
        text, source = render(
            ctx, self.template, self.title or ctx.story.title, self.path, self.endpoints, self.values
        )
        before = section_of(old, self.section) if self.section else old
        text, homeless = keep_regions(before, text)
        if self.section:
            text = put_section(old, self.section, text)
        ledger = tuple(
            LedgerEntry(self.path, "region kept at the end", f"the template has no region {name}")
            for name in homeless
        )
        if not ctx.workspace.write(self.path, text.encode()):
            return Outcome(
                OutcomeStatus.DONE,
                f"{self.path} is up to date",
                files=(FileVerdict(self.path, Verdict.UNCHANGED, "document"),),
            )
        what = f"section {self.section}, from {source}" if self.section else f"from {source}"
        return Outcome(
            OutcomeStatus.DONE,
            f"{self.path} written",
            files=(FileVerdict(self.path, Verdict.GENERATED, "document", what),),
            ledger=ledger,
        )


def _markers(section: str) -> tuple[str, str]:
    return f"<!-- merge-tool: {section} -->", f"<!-- /merge-tool: {section} -->"


def section_of(text: str, section: str) -> str:
    """What stands in a section now; "" where there is none."""
    start, end = _markers(section)
    found = re.search(re.escape(start) + r"\n?(.*?)" + re.escape(end), text, re.DOTALL)
    return found[1] if found else ""


def put_section(text: str, section: str, body: str) -> str:
    """`text` with the section between its markers replaced by `body`, or appended."""
    start, end = _markers(section)
    block = f"{start}\n{body.strip()}\n{end}"
    pattern = re.compile(re.escape(start) + r".*?" + re.escape(end), re.DOTALL)
    if pattern.search(text):
        return pattern.sub(lambda _: block, text, count=1)
    return f"{text.rstrip()}\n\n{block}\n" if text.strip() else f"{block}\n"


ACTION = Document

"""Writes a document from a template into the branch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.errors import ActionError
from merge_tool.model.outcome import FileVerdict, Outcome, OutcomeStatus, Verdict
from merge_tool.model.text import md_code, md_text

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Document:
    """Renders the bundled template `template` to `path`.

    With `section`, only that section of a hand-written Markdown file is written: between
    `<!-- merge-tool: SECTION -->` and `<!-- /merge-tool: SECTION -->`, appended where the markers are not there yet.
    All else in the file is kept.
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

    def run(self, ctx: Context) -> Outcome:
        """Writes it; see the class."""
        text = self._render(ctx)
        old_entry = ctx.workspace.entry(self.path)
        old = ctx.workspace.read(self.path).decode("utf-8", "replace") if old_entry else ""
        if self.section:
            text = put_section(old, self.section, text)
        if not ctx.workspace.write(self.path, text.encode()):
            return Outcome(
                OutcomeStatus.DONE,
                f"{self.path} is up to date",
                files=(FileVerdict(self.path, Verdict.UNCHANGED, "document"),),
            )
        what = f"section {self.section}" if self.section else f"from {self.template}"
        return Outcome(
            OutcomeStatus.DONE,
            f"{self.path} written",
            files=(FileVerdict(self.path, Verdict.GENERATED, "document", what),),
        )

    def _render(self, ctx: Context) -> str:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound

        environment = Environment(
            loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True,
            lstrip_blocks=True, autoescape=False,  # noqa: S701 Markdown and Python come out, not HTML; md_text and md_code escape
        )  # fmt: skip
        environment.filters.update(md=md_text, code=md_code)
        name = f"{self.template}.j2"
        try:
            template = environment.get_template(name)
        except TemplateNotFound as error:
            raise ActionError(
                f"there is no template {self.template}",
                hint=f"there are: {', '.join(template_names())}",
                where=str(ctx.story.at),
            ) from error
        return template.render(
            title=self.title or ctx.story.title, plan=ctx.plan, story=ctx.story, facts=ctx.facts, policy=ctx.policy, path=self.path,
        )  # fmt: skip


def template_names() -> list[str]:
    """The names of the bundled templates."""
    return sorted(str(path.relative_to(TEMPLATES))[: -len(".j2")] for path in TEMPLATES.rglob("*.j2"))


def put_section(text: str, section: str, body: str) -> str:
    """`text` with the section between its markers replaced by `body`, or appended."""
    start, end = f"<!-- merge-tool: {section} -->", f"<!-- /merge-tool: {section} -->"
    block = f"{start}\n{body.strip()}\n{end}"
    pattern = re.compile(re.escape(start) + r".*?" + re.escape(end), re.DOTALL)
    if pattern.search(text):
        return pattern.sub(lambda _: block, text, count=1)
    return f"{text.rstrip()}\n\n{block}\n" if text.strip() else f"{block}\n"


ACTION = Document

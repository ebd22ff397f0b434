"""Finds a document's template and fills it in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from merge_tool.actions.base import Context
from merge_tool.actions.changes import Changes, read_changes
from merge_tool.actions.endpoints import Endpoint, read_endpoints
from merge_tool.errors import ActionError
from merge_tool.model.text import md_code, md_text

TEMPLATES = Path(__file__).parent / "templates"
TEAM = "merge-templates"  # the team's own templates, on the branch


class Facts:
    """What templates may ask for besides the plan; read when they ask."""

    def __init__(self, ctx: Context, path: str, patterns: tuple[str, ...]) -> None:
        self._ctx, self._path, self._patterns = ctx, path, patterns

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints of the document's files, see `merge_tool.actions.endpoints`."""
        files = self._ctx.workspace.python_files()
        chosen = {path for path in self._ctx.workspace.matching(self._patterns) if path in files}
        return read_endpoints(files, self._ctx.policy, chosen)

    @cached_property
    def areas(self) -> dict[str, list[Endpoint]]:
        """The endpoints by the first two parts of their paths: `/cabinet/tickets`."""
        found: dict[str, list[Endpoint]] = {}
        for item in self.endpoints:
            found.setdefault("/".join(item.path.split("/")[:3]), []).append(item)
        return found

    @cached_property
    def changes(self) -> Changes:
        """What the merge brought in, see `merge_tool.actions.changes`."""
        return read_changes(self._ctx, self._path)


def render(
    ctx: Context, name: str, title: str, path: str, endpoints: tuple[str, ...], values: Mapping[str, Any]
) -> tuple[str, str]:
    """The text of a template, and where the template stands.

    Raises:
        ActionError: there is no such template, or it is wrong; a team's template names file and line.
    """
    from jinja2 import (
        ChoiceLoader,
        FileSystemLoader,
        FunctionLoader,
        StrictUndefined,
        TemplateError,
        TemplateNotFound,
    )
    from jinja2.sandbox import SandboxedEnvironment

    def own(wanted: str) -> str | None:
        at = f"{TEAM}/{wanted}"
        return ctx.workspace.read(at).decode("utf-8", "replace") if ctx.workspace.entry(at) else None

    environment = SandboxedEnvironment(
        loader=ChoiceLoader([FunctionLoader(own), FileSystemLoader(TEMPLATES)]), undefined=StrictUndefined,
        keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,
    )  # fmt: skip
    environment.filters.update(md=md_text, code=md_code)
    file = f"{name}.j2"
    source = f"{TEAM}/{file}" if ctx.workspace.entry(f"{TEAM}/{file}") else name
    try:
        text = environment.get_template(file).render(
            title=title, plan=ctx.plan, story=ctx.story, facts=ctx.facts, policy=ctx.policy, path=path,
            read=Facts(ctx, path, endpoints), values=dict(values),
        )  # fmt: skip
    except TemplateNotFound as error:
        raise ActionError(
            f"there is no template {error.name or name}",
            hint=f"there are: {', '.join(template_names())}; a team's own stand in {TEAM}/ on the branch",
            where=str(ctx.story.at),
        ) from error
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        at = f"{source}:{line}" if line else source
        raise ActionError(
            f"the template cannot be filled in: {error}", hint="mend the template", where=at
        ) from error
    return text, source


def template_names() -> list[str]:
    """The names of the bundled templates."""
    return sorted(str(path.relative_to(TEMPLATES))[: -len(".j2")] for path in TEMPLATES.rglob("*.j2"))

"""Running one codemod on texts, under the bundled remnabot policy."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from merge_tool.codemods.base import Project, make_codemod
from merge_tool.model.policy import Policy
from merge_tool.model.source import CodemodResult
from merge_tool.plan.policy import load_policy


def policy() -> Policy:
    return load_policy("remnabot", root=None)


def run(
    name: str,
    files: Mapping[str, str],
    options: Mapping[str, object] | None = None,
    paths: Sequence[str] = (),
) -> CodemodResult:
    """One run; its output parses, and a second run changes nothing."""
    codemod = make_codemod(name, options or {})
    project = Project(files, policy())
    result = codemod.apply(project, paths)
    for text in result.texts.values():
        ast.parse(text)
    again = codemod.apply(project.with_texts(result.texts), paths)
    assert dict(again.texts) == {}
    assert again.edits == ()
    return result


def reasons(result: CodemodResult) -> list[str]:
    return [item.reason for item in result.not_done]

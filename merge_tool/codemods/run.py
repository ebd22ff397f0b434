"""Runs a codemod on bytes, as the engine and the command hold files, and gives bytes back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.text import SourceText, decode_source, parse_python
from merge_tool.model.policy import Policy
from merge_tool.model.source import CodemodResult, Edit, NotDone

_Item = TypeVar("_Item", Edit, NotDone)


def run_codemod(
    codemod: Codemod,
    files: Mapping[str, bytes],
    paths: Sequence[str],
    policy: Policy,
    sites: Mapping[str, Collection[int]] | None = None,
) -> tuple[dict[str, bytes], CodemodResult]:
    """Runs `codemod` in memory.

    Args:
        files: every Python file of the repository by path.
        paths: the files chosen; empty: all. Chosen files that cannot be read as Python are in `not_done`.
        policy: the tenancy policy.
        sites: as for `Project`.

    Returns:
        The new bytes of each file that changes, and what was done and left. A file whose new text would not be
        Python, or cannot be written in the file's encoding, is left as it is together with every other file of
        the run, because edits of one run may depend on each other; `not_done` says so.
    """
    sources, unread = read_sources(files, codemod.name)
    chosen = set(paths or files)
    left = [item for item in unread if item.path in chosen]
    if paths and not chosen & sources.keys():
        return {}, CodemodResult(not_done=tuple(left))
    project = Project({path: source.text for path, source in sources.items()}, policy, sites)
    result = codemod.apply(project, sorted(chosen & sources.keys()) if paths else ())
    new: dict[str, bytes] = {}
    problems: list[NotDone] = []
    for path, text in sorted(result.texts.items()):
        try:
            parse_python(text)
            new[path] = sources.get(path, SourceText("")).encode(text)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            problems.append(NotDone(path, line, codemod.name, f"the new text cannot be written: {error}"))
    if problems:
        undone = (
            NotDone(edit.path, edit.line, codemod.name, "given up with the rest of the run")
            for edit in result.edits
        )
        return {}, CodemodResult(not_done=ordered((*problems, *undone, *result.not_done, *left)))
    return new, CodemodResult(result.texts, ordered(result.edits), ordered((*result.not_done, *left)))


def read_sources(files: Mapping[str, bytes], codemod: str) -> tuple[dict[str, SourceText], list[NotDone]]:
    """Decodes files; those that are not decodable are listed instead."""
    sources: dict[str, SourceText] = {}
    unread = []
    for path, raw in sorted(files.items()):
        try:
            sources[path] = decode_source(raw)
        except ValueError as error:
            unread.append(NotDone(path, 1, codemod, f"cannot be read: {error}"))
    return sources, unread


def ordered(items: Iterable[_Item]) -> tuple[_Item, ...]:
    """Edits or sites in the order of their places, each once."""
    return tuple(sorted(dict.fromkeys(items), key=lambda item: (item.path, item.line, str(item))))

"""Turns the edits of some files into a codemod's result, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merge_tool.codemods.base import Project
from merge_tool.codemods.edits import EditError, FileEdits, apply_edits
from merge_tool.codemods.names import Names
from merge_tool.model.source import CodemodResult, Edit, NotDone


def made(
    project: Project,
    names: Names,
    codemod: str,
    edits: Mapping[str, FileEdits],
    done: Sequence[Edit],
    left: Sequence[NotDone],
    together: bool = True,
) -> CodemodResult:
    """Makes the edits of each file.

    Args:
        project: the project that the edits' places are of.
        names: its names.
        codemod: the codemod's name.
        edits: the edits by path.
        done: what they are, for the result.
        left: what was left, for the result.
        together: whether no file changes where the edits of one cannot be made; else that file alone is left.
    """
    texts: dict[str, str] = {}
    failed: dict[str, NotDone] = {}
    for path, wanted in sorted(edits.items()):
        if not wanted:
            continue
        text = project.files[path]
        package = path.rpartition("/")[2] == "__init__.py"
        try:
            new = apply_edits(text, wanted, names.module_name(path), package)
        except EditError as error:
            failed[path] = NotDone(path, 1, codemod, str(error))
            continue
        if new != text:
            texts[path] = new
    problems = list(failed.values())
    if failed and together:
        problems += [
            NotDone(edit.path, edit.line, codemod, f"given up with {next(iter(failed))}: {edit.description}")
            for edit in done
        ]
        return CodemodResult(not_done=in_order([*problems, *left]))
    kept = [edit for edit in done if edit.path not in failed]
    kept.sort(key=lambda edit: (edit.path, edit.line, edit.description))
    return CodemodResult(texts, tuple(dict.fromkeys(kept)), in_order([*problems, *left]))


def in_order(left: Sequence[NotDone]) -> tuple[NotDone, ...]:
    """Sites in the order of their places, each once."""
    return tuple(sorted(dict.fromkeys(left), key=lambda item: (item.path, item.line, item.reason)))

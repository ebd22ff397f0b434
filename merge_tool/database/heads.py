"""The revision chain of an Alembic folder, read with `ast` only: no revision is ever executed."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from merge_tool.errors import ActionError


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision file. `parents` is its `down_revision`, as a tuple in every case; `line` is where `revision` stands."""

    id: str
    parents: tuple[str, ...]
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Every revision of a folder.

    Attributes:
        revisions: in the order of their paths.
        heads: ids that no revision follows, sorted.
        missing: parents that no file of the folder defines, sorted. Alembic refuses to load such a folder.
    """

    revisions: tuple[Revision, ...]
    heads: tuple[str, ...]
    missing: tuple[str, ...]


def read_revision(path: str, text: str) -> Revision | None:
    """The revision that a file defines.

    Args:
        path: the file's name, for messages.
        text: its source.

    Returns:
        The revision; None where the file assigns no `revision` (an `__init__.py`, a helper).

    Raises:
        ActionError: the file does not parse, or one of the two names is not assigned a literal.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ActionError(f"the revision cannot be read: {error}", where=f"{path}:{line}") from error
    values = _assigned(tree)
    if "revision" not in values:
        return None
    ids = _ids(values, "revision", path)
    if len(ids) != 1:
        raise ActionError("revision is not one string", where=f"{path}:{values['revision'].lineno}")
    parents = _ids(values, "down_revision", path) if "down_revision" in values else ()
    return Revision(ids[0], parents, path, values["revision"].lineno)


def read_chain(files: Mapping[str, str]) -> Chain:
    """The chain of all revisions among `files` (path to source text; other files are passed over).

    Raises:
        ActionError: a file cannot be read, two files define one revision, or revisions follow each other in a circle.
    """
    revisions = tuple(
        found for path in sorted(files) if (found := read_revision(path, files[path])) is not None
    )
    by_id: dict[str, Revision] = {}
    for revision in revisions:
        if (other := by_id.setdefault(revision.id, revision)) is not revision:
            raise ActionError(
                f"revision {revision.id} is defined twice: in {other.path} and in {revision.path}",
                hint="give one of them a new id, and change the down_revision of those that follow it",
                where=f"{revision.path}:{revision.line}",
            )
    graph = {revision.id: revision.parents for revision in revisions}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = [str(item) for item in reversed(error.args[1])]
        first = by_id[circle[0]]
        raise ActionError(
            f"the revisions follow each other in a circle: {' -> '.join(circle)}",
            hint="correct the down_revision of one of them",
            where=f"{first.path}:{first.line}",
        ) from error
    followed = {parent for parents in graph.values() for parent in parents}
    return Chain(
        revisions,
        heads=tuple(sorted(set(graph) - followed)),
        missing=tuple(sorted(followed - set(graph))),
    )


def find_heads(files: Mapping[str, str]) -> tuple[str, ...]:
    """The ids that no revision among `files` follows, sorted; empty where there is no revision. Raises as `read_chain`."""
    return read_chain(files).heads


def single_head(files: Mapping[str, str]) -> str | None:
    """The one head that a new revision can follow; None where there is no revision yet.

    Raises:
        ActionError: there are several heads (the message names them and their files), or as `read_chain`.
    """
    chain = read_chain(files)
    if len(chain.heads) > 1:
        place = {revision.id: revision.path for revision in chain.revisions}
        named = ", ".join(f"{head} ({place[head]})" for head in chain.heads)
        raise ActionError(
            f"there are {len(chain.heads)} heads: {named}", hint="join them first: alembic merge heads"
        )
    return chain.heads[0] if chain.heads else None


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """The last value that each plain name is assigned at module level."""
    values: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                values |= _pairs(target, node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            values[node.target.id] = node.value
    return values


def _pairs(target: ast.expr, value: ast.expr) -> dict[str, ast.expr]:
    if isinstance(target, ast.Name):
        return {target.id: value}
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return {
            name.id: item
            for name, item in zip(target.elts, value.elts, strict=True)
            if isinstance(name, ast.Name)
        }
    return {}


def _ids(values: dict[str, ast.expr], name: str, path: str) -> tuple[str, ...]:
    """The revision ids of a value: a string, None, a sequence of strings, or the name of one at module level."""

    def read(node: ast.expr, depth: int) -> tuple[str, ...]:
        if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, str)):
            return () if node.value is None else (node.value,)
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return tuple(item for part in node.elts for item in read(part, depth))
        if isinstance(node, ast.Name) and node.id in values and depth < 8:
            return read(values[node.id], depth + 1)
        raise ActionError(
            f"{name} is not a literal: {ast.unparse(node)}",
            hint="write the id out; revisions are read, never executed",
            where=f"{path}:{node.lineno}",
        )

    return read(values[name], 0)

"""Writes a reversible Alembic revision as text. The operations are rendered by Alembic itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from merge_tool.database.columns import Column, Index, identifier, read_columns, read_indexes
from merge_tool.database.heads import read_revision
from merge_tool.errors import UserError

_SLUG_LENGTH = 40  # Alembic's truncate_slug_length


@dataclass(frozen=True, slots=True)
class RevisionStyle:
    """How a folder's revisions are written: the four names annotated, as Alembic's template has them, or plain."""

    annotated: bool = True


def render_revision(
    message: str,
    table: str,
    columns: Sequence[Mapping[str, Any]],
    indexes: Sequence[Mapping[str, Any]],
    down_revision: str | Sequence[str] | None,
    revision_id: str | None = None,
    style: RevisionStyle | None = None,
) -> str:
    """The source of a revision that adds `columns` and `indexes` to `table`, and takes them away again in reverse.

    Args:
        message: the docstring's first line.
        table: the table, or `schema.table`.
        columns: each `{name, type, nullable, default, server_default}`; see `read_columns`.
        indexes: each `{name, columns, unique}`.
        down_revision: the revision that this one follows; None for the first, several ids to join heads.
        revision_id: its own id; by default a hash of `message` and `down_revision`, so that it never changes.
        style: how the neighbours are written (`style_of`); by default as Alembic's own template.

    Raises:
        UserError: nothing to do, or a column or index that cannot be added to a table with rows.
    """
    schema, _, name = table.rpartition(".")
    for part in filter(None, (schema, name)):
        identifier(part, "table")
    if not name:
        raise UserError(f"table: {table!r} is not a table name")
    added = read_columns(columns, table)
    made = read_indexes(indexes, table)
    if not added and not made:
        raise UserError(
            f"the revision {message!r} has neither a column nor an index", hint="give columns or indexes"
        )
    revision_id = revision_id or default_revision_id(message, down_revision)
    upgrade, downgrade, imports = _bodies(name, schema or None, added, made)
    lines = [
        *revision_head(message, revision_id, down_revision, style, imports),
        "",
        "",
        "def upgrade() -> None:",
        *(f"    {line}" for line in upgrade),
        "",
        "",
        "def downgrade() -> None:",
        *(f"    {line}" for line in downgrade),
        "",
    ]
    return "\n".join(lines)


def revision_head(
    message: str,
    revision_id: str,
    down_revision: str | Sequence[str] | None,
    style: RevisionStyle | None = None,
    imports: Sequence[str] = (),
) -> list[str]:
    """The lines of a revision up to its first function: docstring, imports, the four names that Alembic reads."""
    parents: str | tuple[str, ...] | None = (
        down_revision if down_revision is None or isinstance(down_revision, str) else tuple(down_revision)
    )
    shown = parents if isinstance(parents, str) else ", ".join(parents or ())
    values: list[tuple[str, str, str]] = [
        ("revision", "str", _quoted(revision_id)),
        ("down_revision", "Union[str, Sequence[str], None]", _quoted(parents)),
        ("branch_labels", "Union[str, Sequence[str], None]", "None"),
        ("depends_on", "Union[str, Sequence[str], None]", "None"),
    ]
    annotated = style is None or style.annotated
    return [
        f'"""{_docstring(message)}',
        "",
        f"Revision ID: {_docstring(revision_id)}",
        f"Revises: {_docstring(shown)}".rstrip(),
        "",
        '"""',
        "",
        *(["from typing import Sequence, Union", ""] if annotated else []),
        "import sqlalchemy as sa",
        "from alembic import op",
        *imports,
        "",
        "# revision identifiers, used by Alembic.",
        *(f"{key}: {kind} = {value}" if annotated else f"{key} = {value}" for key, kind, value in values),
    ]


def default_revision_id(message: str, down_revision: str | Sequence[str] | None) -> str:
    """Twelve hexadecimal digits that depend on `message` and `down_revision` alone."""
    parents = [down_revision] if isinstance(down_revision, str) else sorted(down_revision or ())
    return hashlib.sha256("\0".join([message, *parents]).encode()).hexdigest()[:12]


def style_of(files: Mapping[str, str]) -> RevisionStyle:
    """The style of the revisions among `files`: what most of them do; Alembic's own where there is none."""
    plain = annotated = 0
    for text in files.values():
        annotated += bool(re.search(r"^revision\s*:", text, re.MULTILINE))
        plain += bool(re.search(r"^revision\s*=", text, re.MULTILINE))
    return RevisionStyle(annotated=annotated >= plain)


def revision_filename(text: str, files: Mapping[str, str]) -> str:
    """The file name for a revision, in the style of its neighbours.

    Known styles: `<id>_<slug>.py` (Alembic's own), `<slug>_<id>.py`, `<id>.py`, `<slug>.py`, and a leading number
    (`0007_<slug>.py`, counted on) or date (`2025_01_31_<id>_<slug>.py`, the newest neighbour's, so that the name does
    not depend on the day).

    Args:
        text: the revision's source, as `render_revision` gave it.
        files: the folder's files, path to source text.

    Raises:
        ActionError: `text` is no revision.
    """
    revision = read_revision("the new revision", text)
    if revision is None:
        raise UserError("the text defines no revision")
    slug = _slug(text.removeprefix('"""').split("\n", 1)[0])
    names = {PurePosixPath(path).name for path in files}
    shapes = [shape for path, source in sorted(files.items()) if (shape := _shape(path, source)) is not None]
    common = max(set(shapes), key=lambda shape: (shapes.count(shape), shape), default="{id}_{slug}")
    values = {"id": revision.id, "slug": slug, "number": _next_number(names), "date": _last_date(names)}
    name = common.format(**values) + ".py"
    return name if name not in names else f"{values['id']}_{slug}.py"


def _bodies(
    table: str, schema: str | None, columns: tuple[Column, ...], indexes: tuple[Index, ...]
) -> tuple[list[str], list[str], list[str]]:
    """The statements of upgrade and downgrade, and the imports that they need besides `sa` and `op`."""
    import sqlalchemy as sa
    from alembic.autogenerate import render_python_code
    from alembic.operations import ops
    from alembic.runtime.migration import MigrationContext

    # PostgreSQL's own rendering writes `postgresql.JSONB(astext_type=sa.Text())`; the default one leaves out `sa.`.
    options = {
        "sqlalchemy_module_prefix": "sa.",
        "alembic_module_prefix": "op.",
        "user_module_prefix": None,
        "render_as_batch": False,
        "render_item": None,
    }
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    added: list[ops.MigrateOperation] = []
    for column in columns:
        default = column.server_default
        server = (
            None
            if default is None
            else default.value
            if default.quoted
            else sa.text(default.value.replace(":", "\\:"))
        )
        added.append(
            ops.AddColumnOp(
                table,
                sa.Column(column.name, column.type.instance, nullable=column.nullable, server_default=server),
                schema=schema,
            )
        )
    added.extend(
        ops.CreateIndexOp(index.name, table, list(index.columns), schema=schema, unique=index.unique)
        for index in indexes
    )
    forward = ops.UpgradeOps(ops=added)
    upgrade, downgrade = (
        [
            line.strip()
            for line in render_python_code(item, migration_context=context).splitlines()
            if not line.strip().startswith("# ###")
        ]
        for item in (forward, forward.reverse())
    )
    dialect = any(re.search(r"\bpostgresql\.[A-Z]", line) for line in upgrade)
    return upgrade, downgrade, ["from sqlalchemy.dialects import postgresql"] if dialect else []


def _quoted(value: str | tuple[str, ...] | None) -> str:
    return repr(value)


def _docstring(text: str) -> str:
    """`text` as one line that can stand in a docstring."""
    line = " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''")
    return line[:-1] + "'" if line.endswith('"') else line


def _slug(message: str) -> str:
    """Alembic's slug of a message, without the story that the plan puts before it."""
    words = "_".join(re.findall(r"\w+", re.sub(r"^Story [\w.]+: ", "", message))).lower()
    if len(words) > _SLUG_LENGTH:
        words = words[:_SLUG_LENGTH].rpartition("_")[0] or words[:_SLUG_LENGTH]
    return words or "revision"


def _shape(path: str, text: str) -> str | None:
    """The style of a revision's file name as a format string; None where it is none that we know."""
    head = re.search(r"^revision\s*(?::[^=]+)?=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    if head is None:
        return None
    stem, identity = PurePosixPath(path).stem, head[1]
    prefix = ""
    if not stem.startswith(identity) and (
        match := re.match(r"(\d{4}[-_]?\d\d[-_]?\d\d(?:[-_T]?\d{4,6})?)[-_](?=.)", stem)
    ):
        prefix, stem = "{date}" + stem[match.end() - 1], stem[match.end() :]
    elif stem != identity and (match := re.match(r"\d{1,6}(?=[-_])", stem)) and not stem.startswith(identity):
        return "{number}" + stem[match.end()] + ("{id}_{slug}" if identity in stem else "{slug}")
    elif identity.isdigit() and stem.startswith(identity + "_"):
        return "{number}_{slug}"
    if stem == identity:
        return prefix + "{id}"
    if stem.startswith((identity + "_", identity + "-")):
        return prefix + "{id}" + stem[len(identity)] + "{slug}"
    if stem.endswith(("_" + identity, "-" + identity)):
        return prefix + "{slug}" + stem[-len(identity) - 1] + "{id}"
    return prefix + "{slug}"


def _next_number(names: set[str]) -> str:
    numbers = [match[0] for name in names if (match := re.match(r"\d{1,6}(?=[-_])", name))]
    if not numbers:
        return "1"
    last = max(numbers, key=int)
    return str(int(last) + 1).zfill(len(last))


def _last_date(names: set[str]) -> str:
    dates = [
        match[0] for name in names if (match := re.match(r"\d{4}[-_]?\d\d[-_]?\d\d(?:[-_T]?\d{4,6})?", name))
    ]
    return max(dates, default="")

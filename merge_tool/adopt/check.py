"""What a policy says that its project does not have, and what of the project the policy leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from merge_tool.adopt.evidence import is_aside, place
from merge_tool.index.project import ProjectIndex
from merge_tool.model.policy import Policy
from merge_tool.plan.patterns import PathMatcher

_NAMED = (
    ("context", "getters"),
    ("context", "requirers"),
    ("context", "setters"),
    ("context", "session_factories"),
    ("routes", "dependencies"),
    ("keys", "builders"),
    ("keys", "prefixing_clients"),
)
_OF_TOOLS = frozenset(("alembic_version",))  # tables that no model describes


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that does not fit.

    Attributes:
        key: the policy's key: `context.getters`, `tables`, …
        name: the name, table or file.
        message: what is wrong.
        where: `file:line` in the project, or "".
    """

    key: str
    name: str
    message: str
    where: str = ""


def check_policy(files: Mapping[str, bytes | str] | Mapping[str, bytes], policy: Policy) -> tuple[Gap, ...]:
    """Holds a policy against a project.

    Args:
        files: the project's Python files by path.
        policy: the policy in question.

    Returns:
        every gap, by the policy's keys; none where all names exist and every table is classified.
    """
    index = ProjectIndex.build(files, policy)
    return (
        *_column(index, policy),
        *_names(index, policy),
        *_tables(index, policy),
        *_settings(index, policy),
        *_paths(index, policy),
    )


def _column(index: ProjectIndex, policy: Policy) -> Iterator[Gap]:
    models = index.models.by_name
    if models and not any(model.has_tenant for model in models.values()) and "*" not in policy.tables.tenant:
        yield Gap("column", policy.column, f"none of {len(models)} models has the column {policy.column}")


def _names(index: ProjectIndex, policy: Policy) -> Iterator[Gap]:
    wanted = [
        (f"{group}.{key}", name) for group, key in _NAMED for name in getattr(getattr(policy, group), key)
    ]
    wanted += [
        (key, name)
        for key, name in (("config_getter", policy.config_getter), ("texts", policy.texts))
        if name
    ]
    imported = {item.target for module in index.modules.values() for item in module.import_sites}
    for key, name in wanted:
        if not _exists(index, name, imported):
            yield Gap(
                key, name, f"{name} is no function, class or variable of the project, nor imported by it"
            )


def _exists(index: ProjectIndex, name: str, imported: set[str]) -> bool:
    if index.function(name) is not None or index.find_class(name) is not None or name in imported:
        module, _ = index.names.split(name)
        # What is imported must be there too, where it comes from a module of the project.
        if module is None or index.function(name) is not None or index.find_class(name) is not None:
            return True
    module, inside = index.names.split(index.names.canonical(name))
    if module is not None and inside and inside.partition(".")[0] in module.top.variables:
        return True
    if "." in name:
        return False
    return any(
        name in {item.rpartition(".")[2] for item in (*module.functions, *module.classes)}
        or name in module.top.variables
        for module in index.modules.values()
    )


def _tables(index: ProjectIndex, policy: Policy) -> Iterator[Gap]:
    for key in ("tenant", "shared", "unheld"):
        for table in getattr(policy.tables, key):
            if table != "*" and table not in index.models.by_table and table not in _OF_TOOLS:
                yield Gap(f"tables.{key}", table, f"no model has the table {table}")
    for model in index.unclassified_models():
        if is_aside(model.path):
            continue
        where = place(model.path, model.span.line)
        if model.known:
            message = (
                f"{model.table} has no {policy.column} and stands in neither tables.tenant nor tables.shared"
            )
            yield Gap("tables", model.table, message, where)
        else:
            message = f"{model.name} has a base that is not in the project, so its columns cannot be told"
            yield Gap("models", model.name, message, where)


def _settings(index: ProjectIndex, policy: Policy) -> Iterator[Gap]:
    if not policy.settings:
        return
    fields: set[str] = set()
    methods: set[str] = set()
    for module in index.modules.values():
        methods.update(item.rpartition(".")[2] for item in module.functions)
        for facts in module.classes.values():
            fields.update(facts.fields, facts.attributes, facts.instance)
    for item in policy.settings:
        if item.field not in fields:
            yield Gap("settings", item.field, f"no class has the field {item.field}")
        for accessor in item.accessors:
            if accessor not in methods:
                yield Gap("settings", accessor, f"nothing defines the accessor {accessor} of {item.field}")


def _paths(index: ProjectIndex, policy: Policy) -> Iterator[Gap]:
    everything = [*index.modules, *(item.path for item in index.unreadable)]
    for key, patterns in (
        ("checked_paths", policy.checked_paths),
        ("routes.http_paths", policy.routes.http_paths),
    ):
        for pattern in patterns:
            matcher = PathMatcher((pattern,))
            if not pattern.startswith("!") and not any(matcher.matches(path) for path in everything):
                yield Gap(key, pattern, f"{pattern} matches no file")
    take = PathMatcher(policy.checked_paths) if policy.checked_paths else None
    web = PathMatcher(policy.routes.http_paths) if policy.routes.http_paths else None
    leave = PathMatcher(policy.unchecked_paths)
    seen: set[str] = set()
    for route in index.routes():
        path = route.path
        if path in seen or leave.matches(path) or is_aside(path):
            continue
        seen.add(path)
        for key, matcher_or_none in (("checked_paths", take), ("routes.http_paths", web)):
            if matcher_or_none is not None and not matcher_or_none.matches(path):
                yield Gap(
                    key, path, f"{path} has routes, and no pattern of {key} takes it", place(path, route.line)
                )

"""Reads a tenancy policy: a bundled one by name, or a file, with everything that it extends folded in."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from merge_tool.bundled import bundled
from merge_tool.errors import PlanError, PolicyError
from merge_tool.model.policy import Policy
from merge_tool.plan import names
from merge_tool.plan.problems import known_keys, nearest, validated
from merge_tool.plan.yaml_source import YamlSource, raise_problems, read_yaml

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SUFFIX = re.compile(r"[A-Za-z0-9_]+")
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_IDENTIFIERS = ("column", "parameter", "claim", "global_marker")
_DOTTED_NAMES = (
    ("context", "getters"),
    ("context", "requirers"),
    ("context", "setters"),
    ("context", "session_factories"),
    ("routes", "dependencies"),
    ("keys", "builders"),
    ("keys", "prefixing_clients"),
    ("config_getter",),
    ("texts",),
)
_PATHS = (("wrappers",), ("checked_paths",), ("unchecked_paths",), ("routes", "http_paths"))
_PATTERNS = frozenset(("checked_paths", "unchecked_paths", "http_paths"))
MAX_DEPTH = 16
_LEVELS = ("debug", "info", "warning", "error", "critical")


def policy_names() -> tuple[str, ...]:
    """The names of the bundled policies."""
    return tuple(sorted(path.stem for path in bundled("rules/policies").glob("*.yaml")))


def find_policy(name: str | Path, *, root: Path | None) -> Path:
    """The file of a policy.

    Args:
        name: a bundled policy's name, or a file's path; a relative path is looked for in `root`, then here.
        root: the repository that the policy is for.

    Raises:
        PolicyError: there is none; the hint names what there is.
    """
    text = str(name)
    if isinstance(name, str) and _NAME.fullmatch(name):
        if (path := bundled("rules/policies") / f"{name}.yaml").is_file():
            return path
    else:
        for path in ([root / text] if root is not None else []) + [Path(text)]:
            if path.is_file():
                return path
    raise PolicyError(
        f"there is no policy {text!r}", hint=f"bundled are {', '.join(policy_names())}; or give a file's path"
    )


def load_policy(path_or_name: str | Path, *, root: Path | None) -> Policy:
    """Reads a policy.

    What a policy does not say comes from the one that its `extends` names, and so on: values inside `context`,
    `routes`, `keys`, `tables` and `messages` are taken key by key, every other value, lists too, replaces the one
    that it extends.

    Args:
        path_or_name: a bundled policy's name such as `remnabot`, or a YAML file's path.
        root: the repository against which relative paths are read; None: the working directory.

    Raises:
        PolicyError: there is no such policy, it extends itself, or something in it is wrong; `problems` holds each.
    """
    path = find_policy(path_or_name, root=root)
    chain: list[YamlSource] = []
    seen: list[Path] = []
    here: Path | None = path
    while here is not None:
        source = _read(here)
        seen.append(here.resolve())
        chain.append(source)
        here = _extended(source, here, root, seen)
    merged: dict[str, Any] = {}
    for source in reversed(chain):
        merged = _fold(merged, _checked(source))
    merged.pop("extends", None)
    merged.setdefault("name", path.stem)
    problems: list[PlanError] = []
    policy = validated(Policy, {**merged, "source": str(path)}, chain[0], (), problems)
    _raise(problems, chain[0].path)
    assert policy is not None  # a problem otherwise
    return policy


def _read(path: Path) -> YamlSource:
    try:
        return read_yaml(path)
    except PlanError as error:
        raise PolicyError(
            error.message, hint=error.hint.replace("plan --schema", "plan --schema policy"), where=error.where
        ) from error


def _raise(problems: list[PlanError], name: str) -> None:
    raise_problems(problems, name, PolicyError)


def _extended(source: YamlSource, path: Path, root: Path | None, seen: list[Path]) -> Path | None:
    """The file of the policy that `source` extends, or None."""
    data = source.data
    if not isinstance(data, dict) or "extends" not in data:
        return None
    name = data["extends"]
    where = str(source.at(("extends",)))
    if not isinstance(name, str) or not name:
        raise PolicyError(
            "'extends' must be the name of a policy",
            where=where,
            hint=f"bundled are {', '.join(policy_names())}",
        )
    try:
        found = find_policy(name, root=path.parent if (path.parent / name).is_file() else root)
    except PolicyError as error:
        raise PolicyError(f"extends {name!r}, which is not there", where=where, hint=error.hint) from error
    if found.resolve() in seen:
        told = " → ".join([*(item.stem for item in seen), found.stem])
        raise PolicyError(
            f"policies extend each other in a circle: {told}", where=where, hint="remove one `extends`"
        )
    if len(seen) >= MAX_DEPTH:
        raise PolicyError(
            f"more than {MAX_DEPTH} policies extend each other", where=where, hint="put them together"
        )
    return found


def _checked(source: YamlSource) -> dict[str, Any]:
    """One file's own values, checked by themselves so that a mistake is told at its place in the file that has it."""
    data = source.data
    if not isinstance(data, dict):
        raise PolicyError(
            "a policy is a mapping of keys to values",
            where=str(source.at(())),
            hint="begin with `extends: generic`",
        )
    problems: list[PlanError] = []
    own = {key: value for key, value in data.items() if key != "extends"}
    if "source" in own:
        own.pop("source")
        known = [name for name in known_keys(Policy, ()) if name != "source"]
        problems.append(
            source.key_error(("source",), "'source' is not a known key", nearest("source", known))
        )
    policy = validated(Policy, own, source, (), problems)
    if policy is not None:
        _names(policy, source, own, problems)
    _raise(problems, source.path)
    return own


def _names(policy: Policy, source: YamlSource, own: dict[str, Any], problems: list[PlanError]) -> None:
    """Identifiers, dotted names and patterns: what they are put into cannot take anything else."""

    def no(key: tuple[str | int, ...], message: str, hint: str) -> None:
        problems.append(source.error(key, message, hint))

    for name in _IDENTIFIERS:
        if name in own and not _IDENTIFIER.fullmatch(getattr(policy, name)):
            no(
                (name,),
                f"{name}: {getattr(policy, name)!r} is not an identifier",
                "use letters, digits and '_'",
            )
    for key in _DOTTED_NAMES:
        for place, value in _values(policy, key):
            if value and not _DOTTED.fullmatch(value):
                no(
                    place,
                    f"{value!r} is not a dotted name",
                    "write it as app.core.tenant_context.get_current_tenant",
                )
    for key in _PATHS:
        for place, value in _values(policy, key):
            # As in .gitignore, a slash in front says that a pattern starts at the repository's root.
            if problem := names.path_problem(value.removeprefix("/") if key[-1] in _PATTERNS else value):
                no(place, problem, names.PATH_HINT)
    for number, level in enumerate(policy.logs.levels):
        if level not in _LEVELS:
            no(("logs", "levels", number), f"{level!r} is no level of a log", f"use {', '.join(_LEVELS)}")
    fields = [item.field for item in policy.settings]
    for index, item in enumerate(policy.settings):
        if not _IDENTIFIER.fullmatch(item.field):
            no(
                ("settings", index, "field"),
                f"{item.field!r} is not a field's name",
                "write it as the settings class has it",
            )
        if not item.key:
            no(("settings", index, "key"), "the key is empty", "name the key in the tenant's configuration")
        for number, pattern in enumerate(item.paths):
            if problem := names.path_problem(pattern):
                no(("settings", index, "paths", number), problem, names.PATH_HINT)
        if item.field in fields[:index]:
            no(("settings", index, "field"), f"the setting {item.field} stands twice", "remove one of them")
    _bypasses(policy, no)
    _transforms(policy, no)
    for table in sorted(set(policy.tables.tenant) & set(policy.tables.shared)):
        no(("tables",), f"the table {table} is both a tenant's and shared", "remove it from one of the lists")


def _bypasses(policy: Policy, no: Callable[[tuple[str | int, ...], str, str], None]) -> None:
    """Each way past the tenant has a name, files, and a reason."""
    seen: set[str] = set()
    for index, item in enumerate(policy.bypasses):
        if not _DOTTED.fullmatch(item.name):
            hint = "write a helper as app.db.system_session, an option as skip_tenant"
            no(("bypasses", index, "name"), f"{item.name!r} is not a dotted name", hint)
        if item.name in seen:
            no(
                ("bypasses", index, "name"),
                f"the bypass {item.name} stands twice",
                "put their paths together",
            )
        seen.add(item.name)
        if not item.paths:
            hint = 'name the files that may use it, such as "app/admin/**"'
            no(("bypasses", index, "paths"), f"the bypass {item.name} has no paths", hint)
        for number, pattern in enumerate(item.paths):
            if problem := names.path_problem(pattern):
                no(("bypasses", index, "paths", number), problem, names.PATH_HINT)
        if not item.reason.strip():
            hint = "say why the tenant is left out there"
            no(("bypasses", index, "reason"), f"the bypass {item.name} has no reason", hint)


def _transforms(policy: Policy, no: Callable[[tuple[str | int, ...], str, str], None]) -> None:
    """Each transform is of one kind, and its names are identifiers."""
    for index, item in enumerate(policy.transforms):
        key = ("transforms", index)
        kinds = sum(map(bool, (item.codemod, item.rename or item.suffixes, item.comments)))
        if kinds != 1:
            told = "of no kind" if not kinds else "of several kinds"
            no(key, f"the transform is {told}", "give it one of codemod, rename with suffixes, or comments")
        if item.comments not in ("", "strip", "translated"):
            no((*key, "comments"), f"comments: {item.comments!r} is not known", "use strip or translated")
        if item.options and not item.codemod:
            no((*key, "options"), "options without a codemod", "name the codemod that takes them")
        for table, shape in (("rename", _IDENTIFIER), ("suffixes", _SUFFIX)):
            names_ = getattr(item, table)
            for old, new in names_.items():
                wrong = next((name for name in (old, new) if not shape.fullmatch(name)), "")
                if wrong:
                    no(
                        (*key, table, old),
                        f"{wrong!r} is no part of an identifier",
                        "use letters, digits and '_'",
                    )
                elif new in names_ or any(
                    new.endswith(end) for end in (names_ if table == "suffixes" else ())
                ):
                    hint = "a name that is both old and new would change each time: make it two transforms"
                    no((*key, table, old), f"{new} is renamed again", hint)
        for part in ("paths", "context"):
            for number, pattern in enumerate(getattr(item, part)):
                if problem := names.path_problem(pattern):
                    no((*key, part, number), problem, names.PATH_HINT)


def _values(policy: Policy, key: tuple[str, ...]) -> list[tuple[tuple[str | int, ...], str]]:
    value: Any = policy
    for part in key:
        value = getattr(value, part)
    if isinstance(value, str):
        return [(key, value)]
    return [((*key, index), item) for index, item in enumerate(value)]


def _fold(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`below` with the values of `above` on top; mappings key by key."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def policy_to_data(policy: Policy) -> dict[str, Any]:
    """The policy with everything folded in, as plain dicts and lists."""
    return dataclasses.asdict(policy)

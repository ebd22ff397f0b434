"""Writes the test file and its support module as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.model import Case, Guarded, NotTested, Options
from merge_tool.isolation.places import import_root
from merge_tool.isolation.setting import Setting

TEMPLATES = Path(__file__).parent / "templates"
WIDTH = 110
_HELD = {"session": "db", "http": "client", "redis": "db, tenant"}


def world_text(index: ProjectIndex, setting: Setting, *, redis: bool) -> str:
    """The support module."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 Python comes out
    )  # fmt: skip
    aliases = {setting.maker: "session_maker"} if setting.maker else {}
    if setting.switched:
        aliases[setting.settings] = "project_settings"
    application = ""
    if setting.application:
        aliases[setting.application] = "make_application" if setting.called else "the_application"
        application = "make_application()" if setting.called else "the_application"
    root = import_root(index)
    imports = [f"import {_without(root, module)}  # noqa: F401 its tables" for module in setting.modules]
    names = {*setting.names, *aliases}
    imports += import_lines(names, aliases, WIDTH, root)
    text = environment.get_template("tenant_world.py.j2").render(
        asynchronous=setting.asynchronous, imports=imports, column=index.policy.column, tenants_table=setting.tenants_table,
        metadata=setting.metadata, settings_rows=[(table, _dict(row, quoted=True)) for table, row in setting.settings_rows],
        base_rows=[(table, ", ".join(f"{name}={value}" for name, value in row.items())) for table, row in setting.rows.items()],
        drivers={"sqlite": "aiosqlite", "postgresql": "asyncpg", "mysql": "aiomysql"} if setting.asynchronous else {},
        app=application, setters=[name.rpartition(".")[2] for name in setting.setters], headers=list(setting.headers.items()),
        needs_session=any(re.search(r"\bdb\b", value) for value in setting.headers.values()), has_maker=bool(setting.maker),
        overridden=[name.rpartition(".")[2] for name in setting.overridden], redis=redis, parameter=index.policy.parameter, switched=setting.switched,
        global_keys=list(index.policy.keys.global_keys),
    )  # fmt: skip
    return re.sub(r"\n{4,}", "\n\n\n", text).rstrip("\n") + "\n"


def tests_text(
    index: ProjectIndex,
    options: Options,
    setting: Setting,
    cases: Sequence[Case],
    guarded: Sequence[Guarded],
    left_out: Sequence[NotTested],
    *,
    packaged: bool,
) -> str:
    """The test file."""
    names: set[str] = set()
    for case in cases:
        names |= case.names
    aliases = _aliases(names)
    body = [_case_text(index, case, aliases) for case in cases]
    if guarded:
        body.append(_guarded_text(options, setting, guarded))
    if left_out:
        body.append(_left_out_text(left_out))
    if options.rows or options.settings or options.headers:
        body.insert(0, _given_text(options))
        if options.settings:
            names.add(setting.settings)
            aliases[setting.settings] = "project_settings"
    joined = "\n\n\n".join(body)
    names = {name for name in names if _is_used(aliases.get(name, name.rpartition(".")[2]), joined)}
    used = [
        name
        for name in (
            "FIRST",
            "FUTURE",
            "METADATA",
            "NOW",
            "OWN_ID",
            "PAST",
            "SOON",
            "Owner",
            "World",
            "differ",
        )
        if re.search(rf"\b{name}\b", joined)
    ]
    module = f".{options.world}" if packaged else options.world
    support = [*_import(module, [*used, "world"], WIDTH)]
    kinds = {name for name in names if name.split(".")[0] in ("uuid", "datetime", "decimal")}
    own = import_lines(names - kinds, aliases, WIDTH, import_root(index))
    first = import_lines(kinds, {}, WIDTH)
    has_pytest = "pytest." in joined
    # The fixture is a name of the support module, and pytest finds it by being imported here.
    marks = ["# ruff: noqa: F811 the fixture is imported"] if used else []
    head = [
        f'"""{_heading(options)}',
        "",
        "Written by merge-tool from the routes, functions and models of this project: `merge-tool isolation generate` writes it anew.",
        "What each test checks is told in the support module.",
        '"""',
        "",
        *marks,
        "",
        "from __future__ import annotations",
        "",
    ]
    blocks = [block for block in (first, ["import pytest"] if has_pytest else [], own, support) if block]
    lines = head + [line for block in blocks for line in (*block, "")]
    return "\n".join(lines).rstrip("\n") + "\n\n\n" + joined.rstrip("\n") + "\n"


def _heading(options: Options) -> str:
    name = PurePosixPath(options.path).stem.removeprefix("test_").replace("_", " ")
    return (
        f"{name.capitalize()}: the first of two tenants never sees, changes or counts what is the second's."
    )


def _case_text(index: ProjectIndex, case: Case, aliases: dict[str, str]) -> str:
    call = case.call
    for name, alias in aliases.items():
        call = re.sub(rf"(?<![.\w\"'])\b{re.escape(name.rpartition('.')[2])}\b", alias, call)
    lines = [f"def {case.name}(world: World) -> None:", f'    """{case.title}"""', ""]
    if not case.title:
        del lines[1:]  # the name says it
    have = []
    for qualified, columns in sorted(case.rows.items()):
        model = index.models.find(qualified)
        if model is not None and columns:
            values = ", ".join(f"{name}={value}" for name, value in columns.items())
            have.append(f"    world.have({aliases.get(qualified, model.name)}, {values})")
    lacking = [found.name for found in map(index.models.find, case.lacking) if found is not None]
    crossing = [found.name for found in map(index.models.find, case.crossing) if found is not None]
    if crossing:
        have.append(f"    world.cross({', '.join(crossing)})")
    if lacking:
        have.append(f"    world.lack({', '.join(lacking)})")
    asynchronous = case.awaited or "await " in call
    call = call.replace("{load}", "await " if asynchronous else "")
    held = _HELD[case.kind]
    inner = [f"    {'async ' if asynchronous else ''}def call({held}, owner):"]
    inner += [f"        {line}" for line in case.before]
    inner.append(f"        return {call}")
    way = {"session": "apart", "http": "apart_over_http", "redis": "apart_in_redis"}[case.kind]
    end = "" if case.foreign or case.kind == "redis" else ", foreign=False"
    lines += [*have, *([""] if have else []), *inner, "", f"    world.{way}(call{end})"]
    return "\n".join(lines)


def _is_used(name: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def _given_text(options: Options) -> str:
    """The fixture that gives what a person asked for."""
    lines = [
        "@pytest.fixture(autouse=True)",
        f"def given(world: World{', monkeypatch: pytest.MonkeyPatch' if options.settings else ''}) -> None:",
        '    """What rows, requests and settings have here."""',
    ]
    for table, columns in options.rows.items():
        values = ", ".join(f"{_quoted(name)}: {_literal(value)}" for name, value in columns.items())
        lines.append(f"    world.have(METADATA.tables[{_quoted(table)}], **{{{values}}})")
    for name, text in options.headers.items():
        lines.append(f"    world.headers[{_quoted(name)}] = {_quoted(text)}")
    for name, value in options.settings.items():
        lines.append(f"    monkeypatch.setattr(project_settings, {_quoted(name)}, {_literal(value)})")
    return "\n".join(lines)


def _literal(value: object) -> str:
    return _quoted(value) if isinstance(value, str) else repr(value)


def _guarded_text(options: Options, setting: Setting, guarded: Sequence[Guarded]) -> str:
    def listed(items: Iterable[Guarded]) -> list[str]:
        return [f'    ("{item.method}", "{item.path}"),' for item in items]

    who = 'user="first"' if setting.setters or options.headers else "user=None"
    lines = [
        "GUARDED = [",
        *listed(guarded),
        "]",
        "",
        "",
        '@pytest.mark.parametrize(("method", "path"), GUARDED)',
        "def test_missing_tenant_context_is_401(world: World, method: str, path: str) -> None:",
        '    """A request in no tenant\'s context is refused, whatever it asks for."""'.replace("\\'", "'"),
        f"    assert world.request(method, path, tenant=None, {who}) == 401",
    ]
    users = [item for item in guarded if item.needs_user]
    if users and setting.has_token:
        refused = ", ".join(str(item) for item in options.mismatch)
        expected = f"== {refused}" if len(options.mismatch) == 1 else f"in ({refused})"
        lines += [
            "",
            "",
            "OF_A_USER = [",
            *listed(users),
            "]",
            "",
            "",
            '@pytest.mark.parametrize(("method", "path"), OF_A_USER)',
            "def test_tenant_mismatch_is_403(world: World, method: str, path: str) -> None:",
            '    """A user of the second tenant is refused by the first, even with a token that the first would have issued."""',
            f'    assert world.request(method, path, user="second", signed="first") {expected}',
        ]
    if users and setting.has_token and (setting.setters or options.headers):
        # Where the token alone names the tenant, another tenant's token is a request of that tenant.
        lines += [
            "",
            "",
            '@pytest.mark.parametrize(("method", "path"), OF_A_USER)',
            "def test_token_of_another_tenant_is_refused(world: World, method: str, path: str) -> None:",
            '    """A token that the second tenant issued, for a user of its own or of the first, opens nothing in the first."""',
            '    assert world.request(method, path, user="second", signed="second") in (401, 403)',
            '    assert world.request(method, path, user="first", signed="second") in (401, 403)',
        ]
    return "\n".join(lines)


def _left_out_text(left_out: Sequence[NotTested]) -> str:
    listed = [(f"{item.what} ({item.path}:{item.line})", item.reason) for item in left_out]
    lines = [
        "# What no test was written for, and why.",
        "LEFT_OUT = [",
        *(f"    ({_quoted(what)}, {_quoted(why)})," for what, why in listed),
        "]",
        "",
        "",
        '@pytest.mark.parametrize(("what", "why"), LEFT_OUT)',
        "def test_left_out(what: str, why: str) -> None:",
        '    """Shows in the summary what nothing here vouches for."""',
        '    pytest.skip(f"{what}: {why}")',
    ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A string literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _aliases(names: Iterable[str]) -> dict[str, str]:
    """An alias for each of several things of one name."""
    seen: dict[str, list[str]] = {}
    for name in sorted(names):
        seen.setdefault(name.rpartition(".")[2], []).append(name)
    return {
        name: f"{name.split('.')[-2]}_{name.rpartition('.')[2]}" for same in seen.values() if len(same) > 1 for name in same[1:]
    }  # fmt: skip


def _without(root: str, module: str) -> str:
    return module.removeprefix(f"{root}.") if root else module


def import_lines(names: Iterable[str], aliases: dict[str, str], width: int, root: str = "") -> list[str]:
    """`from … import …` for absolute names, in order."""
    modules: dict[str, list[str]] = {}
    for name in sorted(names):
        module, _, last = name.rpartition(".")
        module = _without(root, module)
        alias = aliases.get(name)
        modules.setdefault(module, []).append(f"{last} as {alias}" if alias and alias != last else last)
    return [
        line for module, found in sorted(modules.items()) if module for line in _import(module, found, width)
    ]


def _import(module: str, names: Sequence[str], width: int) -> list[str]:
    ordered = sorted(set(names), key=lambda name: (not name.isupper(), not name[:1].isupper(), name))
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= width:
        return [line]
    return [f"from {module} import (", *(f"    {name}," for name in ordered), ")"]


def _dict(row: dict[str, str], *, quoted: bool) -> str:
    return (
        "{"
        + ", ".join(f'"{name}": {value!r}' if quoted else f'"{name}": {value}' for name, value in row.items())
        + "}"
    )

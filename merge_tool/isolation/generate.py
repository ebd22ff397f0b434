"""From the text of a project to its tests with two tenants; nothing of the project is imported or run here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from merge_tool.errors import UserError
from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.functions import FunctionCases
from merge_tool.isolation.keys import KeyCases
from merge_tool.isolation.model import Case, Generated, Guarded, NotTested, Options
from merge_tool.isolation.places import import_root
from merge_tool.isolation.render import tests_text, world_text
from merge_tool.isolation.routes import RouteCases
from merge_tool.isolation.setting import find_setting
from merge_tool.model.policy import Policy


def generate(files: Mapping[str, bytes], policy: Policy, options: Options) -> Generated:
    """Writes the tests of a project.

    Args:
        files: path -> bytes of every Python file; they are read, never run.

    Returns:
        The test file and its support module, what is tested, and what is not with the reason.

    Raises:
        UserError: no model has the tenant column, or nothing is there to test.
    """
    index = ProjectIndex.build(files, policy)
    setting = find_setting(index)
    if isinstance(setting, str):
        raise UserError(
            setting, hint="name the policy of this project with --policy; merge-tool policy infer guesses one"
        )
    if options.settings and not setting.settings:
        raise UserError(
            "no settings object was found", hint="leave the settings out, or set them in conftest.py"
        )
    known = {model.table for model in index.all_models()}
    for table in options.rows:
        if table not in known:
            raise UserError(
                f"rows: there is no table {table}", hint="write TABLE.COLUMN=VALUE with a table of the models"
            )
    made: list[Case | NotTested] = []
    guarded: list[Guarded] = []
    if options.functions != ():
        made += FunctionCases(index, options).cases()
    if options.keys != () and setting.redis:
        made += KeyCases(index, options).cases()
    if options.routes != () and setting.application:
        routes = RouteCases(index, options, setting)
        made += routes.cases()
        guarded = list(routes.guarded())
        made += routes.unguarded()
    cases = _named([item for item in made if isinstance(item, Case)])
    left_out = [item for item in made if isinstance(item, NotTested)]
    left_out += [
        NotTested(case.site_name, case.path, case.line, options.leave_out[case.name])
        for case in cases
        if case.name in options.leave_out
    ]
    kept = [
        item if options.crossed and item.name not in options.uncrossed else replace(item, crossing=())
        for item in cases
        if item.name not in options.leave_out
    ]
    if not kept and not guarded:
        raise UserError(
            "there is nothing to test",
            hint="check the paths; the policy says which tables belong to a tenant",
        )
    folder = str(PurePosixPath(options.path).parent)
    packaged = f"{folder}/__init__.py" in files
    world = f"{folder}/{options.world}.py" if folder != "." else f"{options.world}.py"
    texts = {
        world: world_text(index, setting, redis=setting.redis),
        options.path: tests_text(index, options, setting, kept, guarded, left_out, packaged=packaged),
    }
    tested = {case.name: case.site for case in kept}
    crossed = frozenset(case.name for case in kept if case.crossing)
    source = import_root(index).replace(".", "/")
    return Generated(texts, tested, tuple(left_out), tuple(setting.notes), source, crossed)


def _named(cases: list[Case]) -> list[Case]:
    """Gives each test a name of its own: the file's name comes into those that several have."""
    count: dict[str, int] = {}
    for case in cases:
        count[case.name] = count.get(case.name, 0) + 1
    taken: set[str] = set()
    found = []
    for case in cases:
        name = case.name
        if count[name] > 1:
            stem = PurePosixPath(case.path).stem
            stem = PurePosixPath(case.path).parent.name if stem == "__init__" else stem
            name = f"test_{stem}_{name.removeprefix('test_')}"
        base, number = name, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        found.append(replace(case, name=name))
    return found

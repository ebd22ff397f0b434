"""Writes functions that read a tenant's configuration, and deprecates the settings that they replace.

Before::

    class Settings(BaseSettings):
        NALOGO_INN: Optional[str] = None

After, with a helper `get_nalogo_config` for the keys `{inn: nalogo.inn}` and `deprecate: [NALOGO_INN]`::

    class Settings(BaseSettings):
        NALOGO_INN: Optional[str] = Field(
            default=None,
            deprecated="NALOGO_INN belongs to the tenant: use get_nalogo_config(db, bot_id)",
        )

    async def get_nalogo_config(db: AsyncSession, bot_id: int) -> Dict[str, str]:
        …

The functions call the policy's `config_getter`. A function of that name that is there is left.

The warning is pydantic's own (`Field(deprecated=…)`, pydantic 2.7 or newer): reading the field of an instance warns, by
its name, by `getattr` and inside accessor methods alike. Loading from the environment, validation, assignment,
`model_dump` and `model_fields` work as before and do not warn. A `__getattribute__` of our own would be called for every
attribute of every model, and a property would take the field away from pydantic.

Left to a person: settings that are no pydantic 2 model, fields in `Annotated[…]`, a getter with other parameters.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import libcst as cst
from libcst.metadata import MetadataWrapper

from merge_tool.codemods.base import Codemod, Example, Project
from merge_tool.codemods.config_helpers import (
    Helper,
    HelperWriter,
    LeftError,
    find_getter,
    imports_of,
    is_main,
    session_of,
)
from merge_tool.codemods.cycles import import_cycle
from merge_tool.codemods.importing import bound_imports, bound_names
from merge_tool.codemods.imports import ImportNeed, add_imports
from merge_tool.codemods.names import Names
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.settings_fields import Deprecate, settings_class
from merge_tool.codemods.style import line_limit, statements
from merge_tool.errors import UserError
from merge_tool.model.policy import Policy
from merge_tool.model.source import CodemodResult, Edit, NotDone


@dataclass(frozen=True)
class Options:
    """What is written where.

    Attributes:
        target: the file that gets the functions.
        settings: the file of the settings class; empty where nothing is deprecated.
        helpers: the functions.
        deprecate: the fields of the settings class that warn from now on.
    """

    target: str
    settings: str = ""
    helpers: tuple[Helper, ...] = ()
    deprecate: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.deprecate and not self.settings:
            raise ValueError("deprecate needs settings: the file of the settings class")


class TenantConfig(Codemod):
    """Writes the helpers and the deprecations; see the module."""

    name: ClassVar[str] = "tenant-config"
    Options: ClassVar[type] = Options

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Edits the files that the options name, if they are among the chosen ones."""
        options: Options = self.options
        edits: list[Edit] = []
        not_done: list[NotDone] = []
        texts: dict[str, str] = {}
        steps = [(options.target, self._helpers)] if options.helpers else []
        steps += [(options.settings, self._deprecate)] if options.deprecate else []
        for path, step in steps:
            if path not in project.files:
                raise UserError(f"tenant-config: there is no file {path}", hint="correct target or settings")
            if path not in project.chosen(paths):
                not_done.append(NotDone(path, 1, self.name, f"{path} is not among the chosen files"))
                continue
            now = project.with_texts(texts)
            names = Names(now.files)
            module = names.module(path)
            if module is None:
                not_done.append(NotDone(path, 1, self.name, names.broken[path]))
                continue
            try:
                text = step(names, module, now.policy, edits, not_done)
            except LeftError as left:
                not_done.append(NotDone(path, left.args[0], self.name, left.args[1]))
                continue
            if text != now.files[path]:
                texts[path] = text
        return CodemodResult(texts, tuple(edits), tuple(not_done))

    # ---- helpers -------------------------------------------------------------------------------------------

    def _helpers(
        self, names: Names, module: Module, policy: Policy, edits: list[Edit], not_done: list[NotDone]
    ) -> str:
        del not_done
        bound = bound_names(module.tree)
        missing = [helper for helper in self.options.helpers if helper.name not in bound]
        if not missing:
            return module.text
        getter, other, node = find_getter(names, policy)
        needs: list[ImportNeed] = []
        session, annotation = session_of(node, other, module, needs)
        call = next(
            (
                local
                for local, target in bound_imports(module.tree.body, module.path).items()
                if target == getter.dotted
            ),
            node.name,
        )
        inside = ""
        if getter.path != module.path and call not in bound:
            if import_cycle(names, module, getter.path):
                inside = f"from {other.name} import {node.name}"
            else:
                needs.append(ImportNeed(other.name, node.name))
        maker = HelperWriter(module.text, policy, node, session, annotation, call, inside)
        tree = cst.parse_module(module.text)
        made: list[cst.BaseStatement] = []
        for helper in missing:
            needs += imports_of(helper, bound)
            (function,) = statements(maker.code(helper), tree)
            blank = [cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)]
            made.append(function.with_changes(leading_lines=blank))
            edits.append(
                Edit(module.path, max(len(module.text.splitlines()), 1), self.name, f"add {helper.name}")
            )
        body = list(tree.body)
        at = len(body) - 1 if body and is_main(body[-1]) else len(body)
        tree = tree.with_changes(body=[*body[:at], *made, *body[at:]])
        needs = sorted(
            (need for need in needs if need.name not in bound), key=lambda need: (need.module, need.name)
        )
        return add_imports(tree, needs, module.name, module.package, line_limit(module.text)).code

    # ---- deprecation ---------------------------------------------------------------------------------------

    def _deprecate(
        self, names: Names, module: Module, policy: Policy, edits: list[Edit], not_done: list[NotDone]
    ) -> str:
        node = settings_class(names, module, self.options.deprecate)
        imports = bound_imports(module.tree.body, module.path)
        call = next(
            (
                local
                for local, target in imports.items()
                if target in ("pydantic.Field", "pydantic.fields.Field")
            ),
            "",
        )
        alias = "PydanticField" if not call and "Field" in bound_names(module.tree) else ""
        messages: dict[int, str] = {}
        for name in self.options.deprecate:
            # Where a class declares a field twice, the last one counts.
            fields = [
                item
                for item in node.body
                if isinstance(item, ast.AnnAssign)
                and isinstance(item.target, ast.Name)
                and item.target.id == name
            ]
            if not fields:
                not_done.append(
                    NotDone(module.path, node.lineno, self.name, f"class {node.name} has no field {name}")
                )
                continue
            item = fields[-1]
            annotation = ast.unparse(item.annotation)
            if any(
                isinstance(part, ast.Constant)
                for part in ast.walk(item.annotation)
                if isinstance(getattr(part, "value", None), str)
            ):
                annotation += " Annotated["  # a quoted annotation is not read
            if "Annotated[" in annotation or "ClassVar" in annotation:
                not_done.append(
                    NotDone(
                        module.path,
                        item.lineno,
                        self.name,
                        f"{name} is annotated in a way that is left: {ast.unparse(item.annotation)}",
                    )
                )
                continue
            given = (
                item.value.keywords
                if isinstance(item.value, ast.Call) and ast.unparse(item.value.func) == call
                else []
            )
            if any(word.arg in ("deprecated", None) for word in given):
                continue
            messages[item.lineno] = self._message(name, policy)
            edits.append(Edit(module.path, item.lineno, self.name, f"deprecate {name}"))
        if not messages:
            return module.text
        wrapper = MetadataWrapper(cst.parse_module(module.text), unsafe_skip_copy=True)
        change = Deprecate(module.text, wrapper, messages, call or alias or "Field", bool(call))
        tree = wrapper.module.visit(change)
        needs = [] if call else [ImportNeed("pydantic", "Field", alias)]
        return add_imports(tree, needs, module.name, module.package, line_limit(module.text)).code

    def _message(self, name: str, policy: Policy) -> str:
        key = next((item.key for item in policy.settings if item.field == name), "")
        for helper in self.options.helpers:
            if key and key in (helper.key, *helper.keys.values()):
                return f"{name} belongs to the tenant: use {helper.name}(db, {policy.parameter})"
        what = f"read {key} of" if key else "read it from"
        return f"{name} belongs to the tenant: {what} the tenant's configuration"


_GETTER = """from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession


async def get_config_value(db: AsyncSession, bot_id: int, config_key: str) -> Any:
    return None
"""
_SETTINGS = """from typing import Optional

from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    NALOGO_INN: Optional[str] = None  # tax number
    BOT_TOKEN: str = ""
    NALOGO_PASSWORD: str

    def is_nalogo_enabled(self) -> bool:
        return self.NALOGO_INN is not None


settings = Settings()
"""
_OPTIONS: dict[str, object] = {
    "target": "app/database/crud/bot_configuration.py",
    "settings": "app/config.py",
    "helpers": [
        {"name": "get_cabinet_jwt_secret", "returns": "Optional[str]", "key": "cabinet.jwt_secret"},
        {
            "name": "get_nalogo_config",
            "returns": "Dict[str, str]",
            "keys": {"inn": "nalogo.inn", "password": "nalogo.password"},
        },
    ],
    "deprecate": ["NALOGO_INN", "NALOGO_PASSWORD", "NALOGO_TOKEN"],
}

EXAMPLES = (
    Example(
        {"app/database/crud/bot_configuration.py": _GETTER, "app/config.py": _SETTINGS},
        {
            "app/database/crud/bot_configuration.py": '''from typing import Any, Dict, Optional

from sqlalchemy.ext.asyncio import AsyncSession


async def get_config_value(db: AsyncSession, bot_id: int, config_key: str) -> Any:
    return None


async def get_cabinet_jwt_secret(db: AsyncSession, bot_id: int) -> Optional[str]:
    """The tenant's cabinet.jwt_secret; None where it has none."""
    value = await get_config_value(db, bot_id, "cabinet.jwt_secret")
    return None if value is None else str(value)


async def get_nalogo_config(db: AsyncSession, bot_id: int) -> Dict[str, str]:
    """The tenant's values of nalogo.inn, nalogo.password by their short names; those that are not set are left out."""
    config: Dict[str, str] = {}
    for name, key in (
        ("inn", "nalogo.inn"),
        ("password", "nalogo.password"),
    ):
        value = await get_config_value(db, bot_id, key)
        if value is not None:
            config[name] = str(value)
    return config
''',
            "app/config.py": """from typing import Optional

from pydantic import Field
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    NALOGO_INN: Optional[str] = Field(
        default=None,
        deprecated="NALOGO_INN belongs to the tenant: use get_nalogo_config(db, bot_id)",
    )  # tax number
    BOT_TOKEN: str = ""
    NALOGO_PASSWORD: str = Field(
        deprecated="NALOGO_PASSWORD belongs to the tenant: use get_nalogo_config(db, bot_id)",
    )

    def is_nalogo_enabled(self) -> bool:
        return self.NALOGO_INN is not None


settings = Settings()
""",
        },
        _OPTIONS,
        not_done=("class Settings has no field NALOGO_TOKEN",),
    ),
)

CODEMOD = TenantConfig

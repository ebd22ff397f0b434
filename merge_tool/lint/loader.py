"""Loads rules by the path of their files, the bundled ones and a user's own alike. No package called `rules` is ever made."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from merge_tool.bundled import bundled
from merge_tool.errors import UserError
from merge_tool.lint.codes import in_order
from merge_tool.rulekit.rule import Rule


def load_rules(folders: Sequence[Path] = ()) -> tuple[Rule, ...]:
    """The bundled rules and those of the given folders, one rule a file, in the order of their codes.

    Args:
        folders: a user's own folders. Their files are run as code: only folders that the user named belong here,
            never one found in a checked repository.

    Raises:
        UserError: a file cannot be loaded, defines no rule or several, or a code or name comes twice.
    """
    return _load(tuple(str(folder) for folder in folders))


@lru_cache(maxsize=8)
def _load(folders: tuple[str, ...]) -> tuple[Rule, ...]:
    rules: dict[str, Rule] = {}
    names: dict[str, str] = {}
    for folder in (bundled("rules"), *(Path(item) for item in folders)):
        if not folder.is_dir():
            raise UserError(
                f"{folder} is not a folder of rules", hint="give a folder that holds one rule a file"
            )
        for path in sorted(folder.rglob("*.py")):
            if path.name.startswith("_") or "__pycache__" in path.parts:
                continue
            rule = load_rule(path)()
            for key, known in ((rule.code, rules), (rule.name, names)):
                if key in known:
                    raise UserError(
                        f"the rule {key} is defined twice",
                        where=str(path),
                        hint="give the rule a code and a name of its own",
                    )
            rules[rule.code] = rule
            names[rule.name] = rule.code
    return tuple(sorted(rules.values(), key=lambda rule: in_order(rule.code)))


def load_rule(path: Path) -> type[Rule]:
    """The rule class of one file.

    Raises:
        UserError: the file cannot be run, or does not define exactly one rule with code and name.
    """
    module = _run(path)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Rule)
        and value is not Rule
        and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise UserError(
            f"a rule file defines one rule, this one {len(found)}",
            where=str(path),
            hint="one subclass of Rule in each file",
        )
    rule = found[0]
    for name in ("code", "name"):
        if not isinstance(getattr(rule, name, None), str):
            raise UserError(
                f"the rule {rule.__name__} has no {name}", where=str(path), hint=f'add: {name} = "…"'
            )
    return rule


def _run(path: Path) -> ModuleType:
    digest = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = f"_merge_tool_rule_{digest}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError("this file cannot be loaded as a rule", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and `Rule.page` look their module up there
    written = sys.dont_write_bytecode
    # Compiling the bundled rules each time is a tenth of a second; a user's own folder is left as it is.
    sys.dont_write_bytecode = written or not path.is_relative_to(bundled("rules"))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(
            f"the rule cannot be loaded: {type(error).__name__}: {error}", where=str(path)
        ) from error
    finally:
        sys.dont_write_bytecode = written
    return module

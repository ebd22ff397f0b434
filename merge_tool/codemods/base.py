"""What every codemod is: options, `apply`, examples, and how it is found.

A codemod is one module of this package with a class, `CODEMOD = ThatClass` at its end, and `EXAMPLES`. The module's
name is the codemod's name with underscores. `all_codemods` finds it; there is no register to edit. A module is
imported only when its codemod is asked for, so that a command that needs the names alone does not pay for libcst.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from merge_tool.errors import UserError
from merge_tool.model.policy import Policy
from merge_tool.model.source import CodemodResult


@dataclass(frozen=True)
class Project:
    """The Python files of a repository, decoded, and its tenancy policy.

    Attributes:
        files: the text of each Python file by its path, relative to the repository's root, with forward slashes.
            Line ends are as they stand in the file; a byte order mark is not part of the text.
        sites: the lines, by path, of the sites that may be edited, for codemods that edit site by site; None: all.
    """

    files: Mapping[str, str]
    policy: Policy = field(default_factory=Policy)
    sites: Mapping[str, Collection[int]] | None = None

    def wants(self, path: str, first: int, last: int) -> bool:
        """Whether a site that takes these lines may be edited."""
        if self.sites is None:
            return True
        lines = self.sites.get(path, ())
        return any(first <= line <= last for line in lines)

    def chosen(self, paths: Sequence[str]) -> list[str]:
        """The files that a codemod may edit: `paths`, or every file where it is empty; sorted."""
        return sorted({path for path in (paths or self.files) if path in self.files})

    def with_texts(self, texts: Mapping[str, str]) -> Project:
        """This project with some files replaced or added: what the next step of a codemod works on."""
        return Project({**self.files, **texts}, self.policy, self.sites)


@dataclass(frozen=True)
class NoOptions:
    """The options of a codemod that takes none."""


@dataclass(frozen=True)
class Example:
    """One run of a codemod, which a test repeats.

    Attributes:
        before: the project's files by path.
        after: the files that change, with their whole new text; empty: nothing changes.
        options: as they would stand in a plan.
        paths: the files chosen; empty: all.
        not_done: a part of the reason of each site left, in order of place.
        policy: fields of the policy that differ from the remnabot policy's.
    """

    before: Mapping[str, str]
    after: Mapping[str, str]
    options: Mapping[str, object] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)


class Codemod(ABC):
    """One codemod with its options.

    Subclasses set `name` (kebab-case) and `Options`, a frozen dataclass whose fields are the YAML schema of the
    options; the instance holds them as `self.options`. `unsafe` says why more than the leak changes for who uses the code
    rightly; empty: nothing does. `joined` says whether the edits of one run depend on each other. `apply` is pure, deterministic and idempotent: all in memory,
    the second run changes nothing. What it is not sure of it leaves, and says so in `not_done`.
    """

    name: ClassVar[str]
    Options: ClassVar[type] = NoOptions
    unsafe: ClassVar[str] = ""
    joined: ClassVar[bool] = True

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on the chosen files.

        Args:
            project: every Python file, to read; and the policy.
            paths: the files chosen, by their paths in `project.files`; empty: all. Only these are edited, except
                where a codemod must change other files together with them (a parameter and its callers).

        Returns:
            The new text of each file that changes, the edits, and the sites left to a person.

        Raises:
            UserError: an option names what the project does not have.
        """


_MARK = re.compile(r"^CODEMOD = ", re.MULTILINE)


class _Catalogue(Mapping[str, type[Codemod]]):
    """The codemods by name; a module is imported when its codemod is looked up."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def __getitem__(self, name: str) -> type[Codemod]:
        if name not in self._names:
            raise KeyError(name)
        found: type[Codemod] = import_module(f"{__package__}.{name.replace('-', '_')}").CODEMOD
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@cache
def all_codemods() -> Mapping[str, type[Codemod]]:
    """Every codemod of this package by its name, sorted."""
    modules = Path(__file__).parent.glob("*.py")
    return _Catalogue(
        sorted(path.stem.replace("_", "-") for path in modules if _MARK.search(path.read_text("utf-8")))
    )


def make_codemod(name: str, options: Mapping[str, object], where: str = "") -> Codemod:
    """Makes a codemod from its name and options as they stand in a plan or on the command line.

    Args:
        name: the codemod's name.
        options: its options; unknown keys are refused.
        where: the place of the options, as `file:line`, for errors.

    Raises:
        UserError: there is no such codemod, or an option is missing, unknown or of the wrong type.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    if name not in all_codemods():
        raise UserError(
            f"there is no codemod {name!r}", hint=f"one of: {', '.join(all_codemods())}", where=where
        )
    codemod = all_codemods()[name]
    schema = codemod.Options
    if not hasattr(schema, "__pydantic_config__"):
        schema.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    try:
        made: Any = TypeAdapter(schema).validate_python(dict(options))
    except ValidationError as error:
        raise _options_error(name, schema, error, where) from error
    return codemod(made)


def _options_error(name: str, schema: type, error: Any, where: str) -> UserError:
    known = ", ".join(schema.__dataclass_fields__) or "it takes no options"  # type: ignore[attr-defined]
    parts = []
    for item in error.errors(include_url=False):
        option = ".".join(str(part) for part in item["loc"] if str(part)) or "options"
        message = {
            "missing": "is missing",
            "missing_argument": "is missing",
            "unexpected_keyword_argument": "is not a known option",
            "extra_forbidden": "is not a known option",
        }.get(item["type"], item["msg"][:1].lower() + item["msg"][1:])
        parts.append(f"{option}: {message.removeprefix('value error, ')}")
    return UserError(f"codemod {name}: {'; '.join(parts)}", hint=f"its options: {known}", where=where)

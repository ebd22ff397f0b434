"""Reads the folders that describe the miniature's commits; their form is told in `fixtures/miniature/README.md`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from merge_tool.bundled import bundled
from merge_tool.errors import UserError
from merge_tool.plan.yaml_source import problems_of, read_yaml

_SKIPPED_FOLDERS = frozenset({"__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache"})


class CommitSpec(BaseModel):
    """What `commit.yaml` says of one commit.

    Attributes:
        author, email: the author, who is also the committer.
        date: ISO 8601 with its offset; the date of author and committer.
        message: the whole message.
        tag: a lightweight tag to put on the commit.
        delete: paths that the commit removes.
        executable: paths that get mode 755.
        branch: the side branch that the commit is made on; main by default.
        merge: the side branch that this commit merges into main.
        layer: the files of `fixtures/tenancy_layer/files` come first; the commit's own may replace them.
        paths: in base.yaml, the patterns of the files that the commit brings (`*` also matches `/`); the last takes the rest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    author: str = Field(min_length=1)
    email: str = Field(min_length=1)
    date: str
    message: str = Field(min_length=1)
    tag: str = ""
    delete: tuple[str, ...] = ()
    executable: tuple[str, ...] = ()
    branch: str = ""
    merge: str = ""
    layer: bool = False
    paths: tuple[str, ...] = ()

    @field_validator("date")
    @classmethod
    def _has_offset(cls, value: str) -> str:
        if datetime.fromisoformat(value).tzinfo is None:
            raise ValueError("the date needs an offset such as +03:00")
        return value

    @property
    def when(self) -> datetime:
        """The date, comparable with others whatever their offsets."""
        return datetime.fromisoformat(self.date)


@dataclass(frozen=True)
class CommitRecipe:
    """One commit to make.

    Attributes:
        name: the folder's name, for progress and errors.
        spec: what its YAML says.
        files: paths in the repository, with the file that holds the content of each.
        patch: a `git diff` to apply after the files are written, or None.
    """

    name: str
    spec: CommitSpec
    files: tuple[tuple[str, Path], ...] = ()
    patch: Path | None = None


def read_commits(folder: Path) -> list[CommitRecipe]:
    """The commits of the folders `NNN-slug` below `folder`, in the order of their names.

    Raises:
        PlanError: a commit.yaml is missing, is not valid YAML or has a wrong field.
    """
    return [
        _read_commit(path)
        for path in sorted(folder.iterdir())
        if path.is_dir() and path.name not in _SKIPPED_FOLDERS
    ]


def read_base(folder: Path) -> list[CommitRecipe]:
    """The first commits, from the tree `folder/base` and its split in `folder/base.yaml`.

    Raises:
        PlanError: base.yaml is not valid.
        UserError: a commit of it would bring no file.
    """
    specs = _read_specs(folder / "base.yaml")
    left = list(read_tree(folder / "base"))
    recipes = []
    for number, spec in enumerate(specs, start=1):
        last = number == len(specs)
        mine = [pair for pair in left if last or any(fnmatchcase(pair[0], pattern) for pattern in spec.paths)]
        if not mine:
            raise UserError(
                f"commit {number} brings no file", where=str(folder / "base.yaml"), hint="mend its paths"
            )
        left = [pair for pair in left if pair not in mine]
        recipes.append(CommitRecipe(f"base {number}", spec, tuple(mine)))
    return recipes


def read_tree(folder: Path) -> list[tuple[str, Path]]:
    """Every file below `folder` as (path in the repository, file); `dot_name` stands for `.name`."""
    pairs = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and _SKIPPED_FOLDERS.isdisjoint(inside.parts):
            parts = [
                f".{part.removeprefix('dot_')}" if part.startswith("dot_") else part for part in inside.parts
            ]
            pairs.append((str(PurePosixPath(*parts)), path))
    return pairs


def _read_commit(folder: Path) -> CommitRecipe:
    source = read_yaml(folder / "commit.yaml")
    try:
        spec = CommitSpec.model_validate(source.data)
    except ValidationError as error:
        raise problems_of(source, error)[0] from error
    files = read_tree(bundled("fixtures") / "tenancy_layer" / "files") if spec.layer else []
    files += read_tree(folder / "files") if (folder / "files").is_dir() else []
    patch = folder / "change.patch"
    return CommitRecipe(folder.name, spec, tuple(files), patch if patch.is_file() else None)


def _read_specs(path: Path) -> list[CommitSpec]:
    source = read_yaml(path)
    if not isinstance(source.data, list):
        raise UserError("a list of commits is expected", where=str(source.at(())))
    specs = []
    for index, item in enumerate(source.data):
        try:
            specs.append(CommitSpec.model_validate(item))
        except ValidationError as error:
            raise problems_of(source, error, (index,))[0] from error
    return specs

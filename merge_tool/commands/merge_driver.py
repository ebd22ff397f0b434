"""`merge-driver`: the cascade as a merge driver of git."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands.merge_file import read_file, single_replay, the_level, the_steps, write_file

if TYPE_CHECKING:
    from merge_tool.merging.model import MergeResult


def merge_driver(
    base: Annotated[Path, typer.Argument(metavar="%O", help="The common ancestor's version.")],
    ours: Annotated[Path, typer.Argument(metavar="%A", help="Ours; the result is written there.")],
    theirs: Annotated[Path, typer.Argument(metavar="%B", help="Theirs.")],
    path: Annotated[
        str, typer.Argument(metavar="[%P]", help="The file's path in the repository.", show_default=False)
    ] = "",
    marker_size: Annotated[
        int, typer.Option("--marker-size", metavar="%L", help="How many characters a marker has.", min=1)
    ] = 7,
    level: Annotated[str, typer.Option("--level", metavar="safe|full", help="As in merge-file.")] = "safe",
    off: Annotated[
        list[str] | None,
        typer.Option("--off", metavar="STEP", help="A step that is not taken; may be given several times."),
    ] = None,
    policy: Annotated[
        str,
        typer.Option("--policy", metavar="FILE|NAME", help="The policy whose transforms are made.", show_default="tenancy.yaml where it is there"),
    ] = "",
) -> int:  # fmt: skip
    """Merge one file as a merge driver of git; `merge-tool install-driver` has git call it.

    The exit code is 0 where the file is merged, 1 where conflicts stand in %A with markers, and above 128 where anything
    went wrong: git then stops and says so. Ours is never passed off as the merge.

    Example: merge-tool merge-driver --marker-size %L -- %O %A %B %P
    """
    from merge_tool.vcs.driver import FAILED

    try:
        return _merge(base, ours, theirs, path, marker_size, level, off or [], policy)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 whatever it is, git must hear that it failed
        _failed(error, path or str(ours), (base, ours, theirs), marker_size)
        return FAILED


def _merge(
    base: Path, ours: Path, theirs: Path, path: str, marker_size: int, level: str, off: list[str], policy: str
) -> int:
    from merge_tool.merging.cascade import merge_file
    from merge_tool.model.text import printable

    texts = [read_file(name) for name in (base, ours, theirs)]
    name = path or str(ours)
    steps = the_steps(off)
    chosen = policy or ("tenancy.yaml" if Path("tenancy.yaml").is_file() else "")
    made = single_replay(chosen, texts, name) if chosen and "transform" not in steps else None
    result = merge_file(
        texts[0] or None, texts[1], texts[2],
        path=name, level=the_level(level), off=steps, shift=made.shifts.get(name) if made else None, marker_size=marker_size,
    )  # fmt: skip
    write_file(ours, _marked(result, marker_size, name))
    if result.clean:
        return 0
    why = result.problem or f"{result.left} conflict{'s' * (result.left != 1)} left"
    sys.stderr.write(printable(f"merge-tool: {name}: {why}\n"))
    return 1


def _marked(result: MergeResult, size: int, path: str) -> bytes:
    """The result; a Python text that merges line by line and is wrong all the same begins with a marker that says why."""
    from merge_tool.merging.cascade import is_python

    if not result.problem or result.left or not is_python(path):
        return result.data
    why = " ".join(result.problem.split())
    head = f"{'<' * size} merge-tool: {why}\n{'=' * size}\n{'>' * size} merge-tool\n"
    mark = codecs.BOM_UTF8 if result.data.startswith(codecs.BOM_UTF8) else b""
    return mark + head.encode("utf-8") + result.data.removeprefix(mark)


def _failed(error: BaseException, path: str, names: tuple[Path, Path, Path], size: int) -> None:
    """Says what went wrong, and puts git's own merge in the place of ours."""
    from merge_tool.errors import MergeToolError
    from merge_tool.merging.git import git_merge
    from merge_tool.model.text import printable

    what: Any = error if isinstance(error, MergeToolError) else f"{type(error).__name__}: {error}"
    hint = f"\n  mend: {error.hint}" if isinstance(error, MergeToolError) and error.hint else ""
    sys.stderr.write(printable(f"merge-tool FAILED to merge {path}: {what}{hint}\n"))
    try:
        base, ours, theirs = (read_file(name) for name in names)
        write_file(names[1], git_merge(base, ours, theirs, ("ours", "base", "theirs"), "", size).data)
        sys.stderr.write(printable(f"merge-tool: what stands in {path} is git's own merge\n"))
    except MergeToolError as second:
        sys.stderr.write(printable(f"merge-tool: {path} is NOT merged: {second}\n"))

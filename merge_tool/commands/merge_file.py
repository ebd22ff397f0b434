"""`merge-file`: three versions of one file through the cascade."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.merging.model import Level, MergeResult
    from merge_tool.transforms.replay import Replay, Told


def merge_file(
    base: Annotated[
        Path,
        typer.Argument(
            metavar="BASE", help="The version that both sides come from; an empty file where both added it."
        ),
    ],
    ours: Annotated[Path, typer.Argument(metavar="OURS", help="The fork's version.")],
    theirs: Annotated[Path, typer.Argument(metavar="THEIRS", help="Upstream's version.")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="Where the result goes.", show_default="standard output"),
    ] = None,
    path: Annotated[
        str,
        typer.Option("--path", metavar="PATH", help="The file's path in the repository; its end tells whether it is Python.", show_default="OURS"),
    ] = "",
    level: Annotated[
        str,
        typer.Option("--level", metavar="safe|full", help="safe: only what is nearly always right; full: also definitions that both added in one place, edits next to each other and within one statement."),
    ] = "safe",
    off: Annotated[
        list[str] | None,
        typer.Option("--off", metavar="STEP", help="A step that is not taken; may be given several times."),
    ] = None,
    policy: Annotated[
        str,
        typer.Option("--policy", metavar="FILE|NAME", help="The policy whose `transforms` are made on base and theirs first, as far as one file tells.", show_default="none"),
    ] = "",
    as_json: options.Json = False,
) -> int:  # fmt: skip
    """Merge three versions of one file: git's line merge, then what Python's syntax decides; the rest gets markers.

    With --policy the fork's declared transforms are made on base and theirs, so that what they explain does not conflict. A
    transform that needs other files of the project does what the one file lets it; the merge of a whole project reads all.

    Examples: merge-tool merge-file base.py ours.py theirs.py -o merged.py;
    merge-tool merge-file b o t --path app/models.py --level full --off statements -o t --json
    """
    from merge_tool.errors import ExitCode
    from merge_tool.merging.cascade import merge_file as merge

    texts = [read_file(name) for name in (base, ours, theirs)]
    name = path or str(ours)
    chosen, steps = the_level(level), the_steps(off or [])
    made = single_replay(policy, texts, name) if policy and "transform" not in steps else None
    result = merge(
        texts[0] or None, texts[1], texts[2],
        path=name, level=chosen, off=steps, labels=(ours.name, base.name, theirs.name),
        shift=made.shifts.get(name) if made else None,
    )  # fmt: skip
    if out is not None:
        write_file(out, result.data)
    elif not as_json:
        sys.stdout.flush()
        sys.stdout.buffer.write(result.data)
    if as_json:
        _print_json(result, made.told if made else ())
    else:
        _print(result, made.told if made else ())
    return ExitCode.CLEAN if result.clean else ExitCode.FINDINGS


def single_replay(policy: str, texts: list[bytes], path: str) -> Replay:
    """What the policy's transforms make of base and theirs, of which only one file is known."""
    from merge_tool.merging.cascade import is_python
    from merge_tool.plan.policy import load_policy
    from merge_tool.transforms.declared import transforms_of
    from merge_tool.transforms.replay import Replay, replay

    transforms = transforms_of(load_policy(policy, root=None))
    if not transforms or not is_python(path):
        return Replay()
    base, ours, theirs = ({path: text} for text in texts)
    return replay(transforms, base if texts[0] else {}, ours, theirs, [path])


def read_file(name: Path) -> bytes:
    """A file's bytes.

    Raises:
        UserError: it cannot be read.
    """
    from merge_tool.errors import UserError

    try:
        return name.read_bytes()
    except OSError as error:
        raise UserError(
            f"{name} cannot be read: {error.strerror}", hint="give the files as BASE OURS THEIRS"
        ) from error


def the_level(word: str) -> Level:
    """The level of `safe`, `full` or `safe,full`; each holds those before it."""
    from merge_tool.errors import UserError

    words = {part.strip() for part in word.split(",")}
    if not words <= {"safe", "full"}:
        raise UserError(f"there is no level {word!r}", hint="--level safe, or --level full")
    return "full" if "full" in words else "safe"


def the_steps(names: list[str]) -> list[str]:
    """The steps of `--off`.

    Raises:
        UserError: there is no such step.
    """
    from merge_tool.errors import UserError
    from merge_tool.merging.model import Step

    known = [step.value for step in Step if step not in (Step.GIT, Step.LEFT)]
    for name in names:
        if name not in known:
            raise UserError(f"there is no step {name!r}", hint=f"the steps are {', '.join(known)}")
    return names


def write_file(out: Path, data: bytes) -> None:
    """Writes the result in one step, so that a file that is read at the same time is never half."""
    from merge_tool.errors import UserError
    from merge_tool.files import write_atomic

    try:
        if not out.is_symlink() and (out.is_file() or not out.exists()):
            write_atomic(out, data)
        else:
            out.write_bytes(data)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from error


def _hunks(result: MergeResult) -> list[dict[str, Any]]:
    return [
        {"line": hunk.line, "step": item.step.value, "confidence": item.confidence, "reason": item.reason}
        for hunk, item in result.hunks
    ]


def _print_json(result: MergeResult, told: Sequence[Told]) -> None:
    import json

    status = "merged" if result.clean else "conflicted"
    data = {
        "status": status, "hunks": _hunks(result), "problem": result.problem, "transforms": [item.as_data() for item in told],
    }  # fmt: skip
    typer.echo(json.dumps(data, indent=2))


def _print(result: MergeResult, told: Sequence[Told]) -> None:
    """What became of each conflict, on standard error: standard output may hold the text."""
    from merge_tool.model.text import one_line
    from merge_tool.report.console import err_console, safe

    notes = err_console()
    for one in told:
        why = "; ".join(filter(None, [one.skipped, *one.left_out.values()]))
        line = f"transform {one.name}: {one.match.matched} of {one.match.places} places match" + (
            f"; {why}" if why else ""
        )
        notes.print(safe(one_line(line)), soft_wrap=True)
    for item in _hunks(result):
        how = f"{item['step']} ({item['confidence']})" if item["confidence"] else "left"
        notes.print(safe(one_line(f"line {item['line']}: {how}: {item['reason']}")), soft_wrap=True)
    if result.problem:
        notes.print(safe(one_line(result.problem), "yellow"), soft_wrap=True)
    done = len(result.hunks) - result.left
    notes.print(safe(f"{done} conflicts resolved, {result.left} left", "bold"), soft_wrap=True)

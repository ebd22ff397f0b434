"""The hunks of a conflicted file as it stands in the worktree: their sides, what each did, and what is suggested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merge_tool.engine.session import Session
from merge_tool.errors import UserError
from merge_tool.files import write_atomic
from merge_tool.merging.cascade import is_python, merge_file
from merge_tool.merging.intent import intent
from merge_tool.merging.marked import Block, Marked, read_marked
from merge_tool.merging.model import Step
from merge_tool.model.outcome import Conflict, MergedHunk
from merge_tool.vcs.repo import LITERAL

Choice = Literal["ours", "theirs", "both", "suggestion"]


@dataclass(frozen=True)
class OpenHunk:
    """One conflict that a person has to decide.

    Attributes:
        number: from 1, as `resolve --hunk` takes it.
        ours_did, theirs_did: what each side did to the base, in a few words.
        reason: why no step of the cascade took it; "" where that is not on record.
        suggestion: what the level `full` would write, and `suggested_by` its step; None where it would leave it too.
    """

    number: int
    block: Block
    ours_did: str
    theirs_did: str
    reason: str = ""
    suggestion: str | None = None
    suggested_by: str = ""


def read_file(session: Session, path: str) -> Marked | None:
    """The marked text of a file in the worktree; None where it is no file."""
    target = session.worktree.path / path
    if target.is_symlink() or not target.is_file():
        return None
    # Bytes of another encoding come through as they are.
    return read_marked(target.read_bytes().decode("utf-8", "surrogateescape"))


def open_hunks(session: Session, conflict: Conflict, told: tuple[MergedHunk, ...] = ()) -> list[OpenHunk]:
    """The conflicts that are left in a file.

    Args:
        told: the hunks of the file on record, for the reasons.
    """
    marked = read_file(session, conflict.path)
    if marked is None or not marked.blocks:
        return []
    reasons = {hunk.line: hunk.reason for hunk in told if hunk.step == Step.LEFT}
    by_order = [hunk.reason for hunk in told if hunk.step == Step.LEFT]
    same = len(by_order) == len(marked.blocks)
    made = suggestions(marked, conflict.path)
    result = []
    for index, block in enumerate(marked.blocks):
        base = block.base or ""
        reason = by_order[index] if same else reasons.get(block.line, "")
        text, step = made.get(index, (None, ""))
        result.append(
            OpenHunk(
                index + 1, block, intent(base, block.ours), intent(base, block.theirs), reason, text, step
            )
        )
    return result


def suggestions(marked: Marked, path: str) -> dict[int, tuple[str | None, str]]:
    """What the level `full` writes for each conflict of a marked text, by its index.

    The three sides are made of the text as it is now, so that what a person edited around a conflict counts. Each
    conflict is tried alone, the others at the fork's side.
    """
    if not is_python(path) or any(block.base is None for block in marked.blocks):
        return {}
    found: dict[int, tuple[str | None, str]] = {}
    for index, block in enumerate(marked.blocks):
        base, ours, theirs = (_side(marked, block, side) for side in ("base", "ours", "theirs"))
        result = merge_file(
            *(text.encode("utf-8", "surrogateescape") for text in (base, ours, theirs)),
            path=path,
            level="full",
        )
        if not result.clean or not result.hunks:
            continue
        step = ", ".join(dict.fromkeys(item.step.value for _, item in result.hunks))
        text = result.data.decode("utf-8", "surrogateescape")
        before, after = _around(marked, block)
        if text.startswith(before) and text.endswith(after) and len(text) >= len(before) + len(after):
            found[index] = (text[len(before) : len(text) - len(after)], step)
    return found


def _side(marked: Marked, block: Block, side: str) -> str:
    """The whole text with one side of a conflict, and the fork's of all others."""

    def write(other: Block) -> str:
        return other.ours if other is not block else str(getattr(other, side) or "")

    return marked.with_blocks(write)


def _around(marked: Marked, block: Block) -> tuple[str, str]:
    """The text before and behind a conflict, the fork's side in the others."""
    place = marked.pieces.index(block)
    parts = [piece.ours if isinstance(piece, Block) else piece for piece in marked.pieces]
    return "".join(parts[:place]), "".join(parts[place + 1 :])


def choose(session: Session, path: str, choice: Choice, numbers: tuple[int, ...]) -> str:
    """The file's text with one side, both sides, or the suggestion written for conflicts.

    Args:
        numbers: the conflicts, from 1; none means all of them.

    Returns:
        the new text; nothing is written.

    Raises:
        UserError: the file has no such conflict, or there is no suggestion for one.
    """
    marked = read_file(session, path)
    if marked is None or not marked.blocks:
        raise UserError(
            f"{path} holds no conflict markers", hint="take a whole side: --ours or --theirs without --hunk"
        )
    count = len(marked.blocks)
    wanted = numbers or tuple(range(1, count + 1))
    for number in wanted:
        if not 1 <= number <= count:
            raise UserError(
                f"{path} has no conflict {number}", hint=f"it has {count}: see `merge-tool conflicts {path}`"
            )
    if choice != "suggestion":
        return marked.replaced(
            wanted,
            lambda block: block.ours + block.theirs if choice == "both" else str(getattr(block, choice)),
        )
    made = suggestions(marked, path)
    missing = [number for number in wanted if made.get(number - 1, (None, ""))[0] is None]
    if missing and numbers:
        raise UserError(f"{path} has no suggestion for conflict {missing[0]}", hint="edit it, or take a side")
    if len(missing) == len(wanted):
        raise UserError(f"{path} has no suggestion for any of its conflicts", hint="edit it, or take a side")
    order = {id(block): made.get(index, (None, ""))[0] for index, block in enumerate(marked.blocks)}
    return marked.replaced(
        [number for number in wanted if number not in missing], lambda block: str(order[id(block)])
    )


def write_text(session: Session, path: str, text: str) -> int:
    """Writes a file of the worktree in one step, with its mode.

    Returns:
        how many conflicts are left in it.
    """
    write_atomic(session.worktree.path / path, text.encode("utf-8", "surrogateescape"))
    return len(read_marked(text).blocks)


def edit(session: Session, path: str) -> None:
    """Opens a file in git's editor, as `git commit` would.

    Raises:
        UserError: the editor cannot be run, or ended with an error.
    """
    import subprocess

    editor = session.repo.text("var", "GIT_EDITOR")
    # Git hands its editor to a shell too: it may hold options. The path is an argument of its own.
    command = ["sh", "-c", f'{editor} "$@"', editor, str(session.worktree.path / path)]
    done = subprocess.run(command, check=False)
    if done.returncode != 0:
        raise UserError(
            f"the editor ended with code {done.returncode}", hint="set GIT_EDITOR, or git config core.editor"
        )


def run_tool(session: Session, conflict: Conflict, tool: str) -> None:
    """Runs `git mergetool` on one file of the worktree, with its three sides in git's index.

    Args:
        tool: the tool's name, or `auto` for the one that git is configured with.

    Raises:
        UserError: git knows no such tool, or the tool ended without resolving the file.
    """
    import subprocess

    repo, root, path = session.repo, session.worktree.path, conflict.path
    if not (conflict.ours and conflict.theirs):
        raise UserError(
            f"{path}: {conflict.kind} is about whether there is a file", hint="--ours or --theirs"
        )
    sides = ((1, conflict.base, conflict.mode), (2, conflict.ours, conflict.ours_mode), (3, conflict.theirs, conflict.theirs_mode))  # fmt: skip
    lines = [f"0 {repo.zero}\t{path}\0"]
    lines += [f"{mode or '100644'} {oid} {stage}\t{path}\0" for stage, oid, mode in sides if oid]
    info = "".join(lines).encode("utf-8", "surrogateescape")
    repo.run("update-index", "-z", "--index-info", data=info, cwd=root)
    try:
        chosen = [f"--tool={tool}"] if tool != "auto" else []
        done = subprocess.run(["git", "mergetool", "--no-prompt", *chosen, "--", path], cwd=root, check=False)
    finally:
        repo.run("add", "--force", "--", path, cwd=root, env=LITERAL)
    if done.returncode != 0:
        raise UserError(
            f"git mergetool left {path} as it was", hint="git mergetool --tool-help lists the tools"
        )

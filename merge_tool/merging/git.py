"""git's own merge of one file, for what is no Python that we can read."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from merge_tool.errors import VcsError
from merge_tool.merging.model import Hunk, MergeResult, Resolution, Step
from merge_tool.merging.render import MARKER_SIZE, Labels


def git_merge(
    base: bytes, ours: bytes, theirs: bytes, labels: Labels, reason: str, size: int = MARKER_SIZE
) -> MergeResult:
    """`git merge-file --zdiff3`, told as a `MergeResult`.

    Args:
        reason: why no more than this was tried.
        size: how many characters a marker has, at least.

    Raises:
        VcsError: git is not installed or older than 2.35.
    """
    if ours == theirs or theirs == base:
        return MergeResult(ours)
    if ours == base:
        return MergeResult(theirs)
    if b"\0" in base + ours + theirs:
        hunk = Hunk(1, "", "", "")
        return MergeResult(
            ours, ((hunk, Resolution(Step.LEFT, "", "", "a binary file that both sides changed")),)
        )
    both = ours + theirs
    while re.search(rb"^[<=>|]{%d}" % size, both, re.MULTILINE):
        size += 1
    with tempfile.TemporaryDirectory(prefix="merge-tool-file-") as folder:
        names = []
        for name, data in (("ours", ours), ("base", base), ("theirs", theirs)):
            path = Path(folder) / name
            path.write_bytes(data)
            names.append(str(path))
        marks = [part for label in labels for part in ("-L", label)]
        command = ["git", "merge-file", "-p", "--zdiff3", f"--marker-size={size}", *marks, *names]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        except FileNotFoundError as error:
            raise VcsError("git is not installed", hint="install git 2.38 or later") from error
    if done.returncode > 127:
        raise VcsError(f"git merge-file: {done.stderr.decode('utf-8', 'replace').strip()}")
    return MergeResult(done.stdout, tuple(_hunks(done.stdout, size, reason)))


def _hunks(data: bytes, size: int, reason: str) -> list[tuple[Hunk, Resolution]]:
    found: list[tuple[Hunk, Resolution]] = []
    parts: list[list[str]] | None = None
    start = 0
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        mark = line[:size] if len(set(line[:size])) == 1 and len(line) >= size else ""
        if mark.startswith("<") and parts is None:
            parts, start = [[]], number
        elif parts is not None and mark[:1] in ("|", "=") and mark:
            parts.append([])
        elif parts is not None and mark.startswith(">"):
            texts = ["".join(part) for part in parts] + ["", ""]
            found.append((Hunk(start, texts[1], texts[0], texts[2]), Resolution(Step.LEFT, "", "", reason)))
            parts = None
        elif parts is not None:
            parts[-1].append(line + "\n")
    return found

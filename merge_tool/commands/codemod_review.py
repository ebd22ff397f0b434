"""`codemod --interactive`: shows each edit and asks whether to make it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from merge_tool.model.source import Edit

_CONTEXT = 3
HELP = """y - make this edit
n - leave it
a - make it and all that follow
q - leave it and all that follow
e - edit it, then make it
? - this help"""


@dataclass(frozen=True, slots=True)
class Hunk:
    """One place that changes.

    Attributes:
        path: the file.
        first, last: the lines of the old text that go, from 0, the last one exclusive.
        start: the line of the new text where `lines` stand, from 0.
        lines: what stands there instead.
        imports: whether nothing but imports changes: they come with the other edits of the file.
    """

    path: str
    first: int
    last: int
    start: int
    lines: tuple[str, ...]
    imports: bool


class Review:
    """Asks about the hunks of some files.

    Args:
        files: the old bytes by path.
        new: the new bytes by path.
        edits: what the codemod says of its edits.
        joined: whether the edits depend on each other: then all are made, or none.
        ask: gives the answer to a question; "" at the end of the input.
        tell: shows lines; the second argument is the kind, `+`, `-`, `@` or "".
        editor: gives the text that a person made of a text; None where that failed.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        new: Mapping[str, bytes],
        edits: Sequence[Edit],
        joined: bool,
        ask: Callable[[str], str],
        tell: Callable[[str, str], None],
        editor: Callable[[str], str | None],
    ) -> None:
        self.files = files
        self.new = new
        self.edits = edits
        self.joined = joined
        self.ask = ask
        self.tell = tell
        self.editor = editor

    def run(self) -> dict[str, bytes]:
        """The bytes to write by path; files in which nothing was accepted are not among them."""
        hunks = [hunk for path in sorted(self.new) for hunk in self._hunks(path)]
        asked = [hunk for hunk in hunks if not hunk.imports] or hunks
        taken: list[Hunk] = []
        everything = False
        for number, hunk in enumerate(asked, 1):
            if not everything:
                answer, changed = self._question(hunk, f"{number} of {len(asked)}")
                if answer == "q":
                    break
                if answer == "n":
                    if self.joined:
                        self.tell(
                            "the edits depend on each other, so none is made: choose fewer sites by paths or options",
                            "",
                        )
                        return {}
                    continue
                everything = answer == "a"
                taken.append(changed)
            else:
                taken.append(hunk)
        if self.joined and len(taken) < len(asked):
            if taken:
                self.tell("the edits depend on each other, so none is made", "")
            return {}
        return self._made(hunks, taken)

    def _made(self, hunks: Sequence[Hunk], taken: Sequence[Hunk]) -> dict[str, bytes]:
        made = {}
        for path in sorted({hunk.path for hunk in taken}):
            own = [hunk for hunk in taken if hunk.path == path]
            places = {hunk.first for hunk in own}
            own += [hunk for hunk in hunks if hunk.path == path and hunk.imports and hunk.first not in places]
            made[path] = self._text(path, own)
        return made

    def _text(self, path: str, hunks: Sequence[Hunk]) -> bytes:
        """A file with some of its hunks."""
        lines = _lines(self.files.get(path, b""))
        for hunk in sorted(hunks, key=lambda item: -item.first):
            lines[hunk.first : hunk.last] = hunk.lines
        return "".join(lines).encode("latin-1")

    def _hunks(self, path: str) -> Iterator[Hunk]:
        import difflib

        old, new = _lines(self.files.get(path, b"")), _lines(self.new[path])
        before, after = _import_lines(self.files.get(path, b"")), _import_lines(self.new[path])
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        for tag, first, last, start, end in matcher.get_opcodes():
            if tag == "equal":
                continue
            imports = all(line in before or not old[line].strip() for line in range(first, last)) and all(
                line in after or not new[line].strip() for line in range(start, end)
            )
            yield Hunk(path, first, last, start, tuple(new[start:end]), imports)

    # ---- one question ----

    def _question(self, hunk: Hunk, place: str) -> tuple[str, Hunk]:
        self._show(hunk)
        while True:
            answer = self.ask(f"make this edit ({place})? [y,n,a,q,e,?] ").strip().lower()[:1] or "q"
            if answer in ("y", "n", "a", "q"):
                return answer, hunk
            if answer == "e":
                changed = self._edited(hunk)
                if changed is not None:
                    return "y", changed
            else:
                self.tell(HELP, "")

    def _edited(self, hunk: Hunk) -> Hunk | None:
        written = self.editor("".join(hunk.lines).encode("latin-1").decode("utf-8", "replace"))
        if written is None:
            self.tell("the editor failed, and nothing changed", "")
            return None
        changed = replace(hunk, lines=tuple(_lines(written.encode())))
        try:
            ast.parse(
                self._text(
                    hunk.path,
                    [*(item for item in self._hunks(hunk.path) if item.first != hunk.first), changed],
                )
            )
        except (SyntaxError, ValueError) as error:
            self.tell(f"with that the file is not Python: {error}", "")
            return None
        return changed

    def _show(self, hunk: Hunk) -> None:
        old = _lines(self.files.get(hunk.path, b""))
        self.tell(f"{hunk.path}:{hunk.first + 1}", "@")
        for edit in self.edits:
            if edit.path == hunk.path and hunk.first < edit.line <= max(hunk.last, hunk.first + 1):
                self.tell(f"  {edit.description}", "@")
        above = old[max(hunk.first - _CONTEXT, 0) : hunk.first]
        below = old[hunk.last : hunk.last + _CONTEXT]
        marked = [(" ", above), ("-", old[hunk.first : hunk.last]), ("+", hunk.lines), (" ", below)]
        for sign, lines in marked:
            for line in lines:
                text = line.encode("latin-1").decode("utf-8", "replace").rstrip("\r\n")
                self.tell(f"{sign}{text}", sign.strip())


def _lines(data: bytes) -> list[str]:
    """Lines that end with `\\n` alone, each byte as one character, so that any encoding comes through."""
    parts = data.decode("latin-1").split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _import_lines(data: bytes) -> set[int]:
    """The lines, from 0, on which imports at the top stand."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    return {
        line - 1
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def open_editor(text: str) -> str | None:
    """What a person makes of a text in the editor that VISUAL or EDITOR names; None where it fails."""
    import os
    import shlex
    import subprocess
    import tempfile
    from pathlib import Path

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="merge-tool-") as folder:
        target = Path(folder) / "edit.py"
        target.write_text(text, encoding="utf-8", newline="")
        try:
            # The person's own editor, as git starts it.
            done = subprocess.run([*shlex.split(editor), str(target)], check=False)
        except (OSError, ValueError):
            return None
        return target.read_bytes().decode("utf-8", "replace") if done.returncode == 0 else None

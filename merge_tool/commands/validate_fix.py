"""`validate --fix`: mends findings by codemods, writes all or nothing, and tells what remains and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from merge_tool.commands.validate_output import Format, note
from merge_tool.commands.validate_run import Asked, Found, lint, look, read
from merge_tool.model.text import counted

if TYPE_CHECKING:
    from merge_tool.lint.cache import Cache
    from merge_tool.lint.mending import Mended

_REASONS = 20  # reasons that are told one by one to people; --json has all


@dataclass(frozen=True)
class Fixed:
    """What `--fix` did.

    Attributes:
        previewed: the change was only shown.
        others: how many findings are of rules that no codemod is for.
    """

    mended: Mended
    previewed: bool
    others: int

    def data(self) -> dict[str, Any]:
        """What the JSON document has beside the findings; lines of `fixed` are those before, of `not_done` those after."""
        return {
            "written": not self.previewed and bool(self.mended.texts),
            "fixed": [
                {"code": item.code, "path": item.path, "line": item.span.line, "codemod": codemod}
                for item, codemod in self.mended.mended
            ],
            "edits": [
                {"path": item.path, "line": item.line, "codemod": item.codemod, "description": item.description}
                for item in self.mended.edits
            ],
            "not_done": [
                {"code": item.finding.code, "path": item.finding.path, "line": item.finding.span.line,
                 "codemod": item.codemod, "reason": item.reason}
                for item in self.mended.left
            ],
            "brought": [
                {"code": item.code, "severity": item.severity.value, "path": item.path, "line": item.span.line, "message": item.message}
                for item in self.mended.brought
            ],
        }  # fmt: skip

    def tell(self, kind: Format) -> None:
        """Says on standard error what was mended, and why the rest was not."""
        done = self.mended
        for item in done.left[:_REASONS]:
            at = f"{item.finding.path}:{item.finding.span.line}: {item.finding.code}"
            note(f"{at} left by {item.codemod}: {item.reason}", kind)
        if len(done.left) > _REASONS:
            note(f"… and {len(done.left) - _REASONS} more reasons: --json has them all", kind)
        counts = Counter(codemod for _, codemod in done.mended)
        by = ", ".join(f"{name} {count}" for name, count in counts.items())
        word = "would mend" if self.previewed else "mended"
        line = f"{word} {counted(len(done.mended), 'finding')}" + (f" ({by})" if by else "")
        line += f" with {counted(len(done.edits), 'edit')} in {counted(len(done.texts), 'file')}"
        if done.brought:
            line += f"; {counted(len(done.brought), 'finding')} came in or to light by that"
        places = len({id(item.finding) for item in done.left})
        line += f"; {places} left by the codemods" if places else ""
        line += f"; no codemod is for the other {self.others}" if self.others else ""
        note(line, kind)


def fixing(
    asked: Asked, found: Found, cache: Cache | None, *, unsafe: bool, preview: bool, careful: bool = True
) -> tuple[Found, Fixed]:
    """Mends the findings of a run.

    Args:
        unsafe: run the codemods too that change what others may rely on.
        preview: write nothing; the diff goes to standard output, unless that holds a document.
        careful: refuse to write files that git does not track, because nothing could bring their text back.

    Returns:
        the run on the files as they are now, and what was done.

    Raises:
        UserError: a file changed meanwhile, is not tracked, or cannot be written; then none was.
    """
    from merge_tool.commands.writing import print_diff, write_all
    from merge_tool.lint.mending import mendable

    files = _files(asked, found)
    mended = _mend(asked, found, files, cache, unsafe=unsafe)
    if preview:
        if asked.kind is Format.RICH:
            print_diff(files, mended.texts)
        gone = {item for item, _ in mended.mended}
        findings = tuple(replace(item, fixable=item in gone) for item in found.findings)
        found = replace(found, findings=findings)
    elif mended.texts:
        if careful:
            _refuse_untracked(asked, mended)
        write_all(asked.root, files, mended.texts)
        found = look(replace(asked, quiet=True), read(replace(asked, quiet=True)), cache)
    others = len(found.findings) - len(mendable(found.findings))
    return found, Fixed(mended, preview, others)


def _refuse_untracked(asked: Asked, mended: Mended) -> None:
    from merge_tool.errors import UserError
    from merge_tool.lint.files import project_files

    known = set(project_files(asked.root))
    foreign = sorted(path for path in mended.texts if path not in known)
    if foreign:
        raise UserError(
            f"{foreign[0]} would be mended, but git does not track it: nothing was written",
            hint="git add it, or give --allow-dirty",
        )


def _mend(
    asked: Asked, found: Found, files: Mapping[str, bytes], cache: Cache | None, *, unsafe: bool
) -> Mended:
    from merge_tool.lint.mending import mend

    # All rules judge a mend, whichever it is for: one that trades a leak for another is none.
    wide = replace(asked, select=())
    everything = lint(wide, found.seen, cache).findings if asked.select else found.result.findings
    return mend(
        files,
        found.seen.policy,
        found.findings,
        everything,
        lambda texts: lint(wide, found.seen, cache, texts).findings,
        unsafe=unsafe,
    )


def _files(asked: Asked, found: Found) -> dict[str, bytes]:
    """The bytes of the project's files; those that cannot be read have a finding that says so."""
    files = {}
    for path in found.seen.files:
        try:
            files[path] = (asked.root / path).read_bytes()
        except OSError:
            continue
    return files

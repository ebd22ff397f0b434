"""One project as an editor sees it: its files on disk, and the texts that are open and not saved yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from merge_tool.errors import UserError
from merge_tool.lint.cache import Cache
from merge_tool.lint.files import new_files, project_files
from merge_tool.lint.mending import Mended, mend
from merge_tool.lint.run import LintResult, lint_paths
from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic


@dataclass
class Project:
    """Checks a project whose open files may differ from those on disk.

    Attributes:
        root: the project's root.
        policy_of: gives the policy that holds now; asked at each check, because the policy's file may just have been written.
        open_cache: opens the cache; called in the thread that checks, to which it belongs from then on.
        open: the text of each open file, by its path relative to the root.
        findings: those of the last check.
    """

    root: Path
    policy_of: Callable[[Path], Policy]
    open_cache: Callable[[], Cache] | None = None
    open: dict[str, bytes] = field(default_factory=dict)
    findings: tuple[Diagnostic, ...] = ()
    _cache: Cache | None = None

    def path_of(self, file: Path) -> str:
        """A file's path as findings name it; "" where it lies outside the project."""
        try:
            return file.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return ""

    def text_of(self, path: str) -> str:
        """A file's text as the editor has it, "" where there is none."""
        try:
            data = self.open[path] if path in self.open else (self.root / path).read_bytes()
        except OSError:
            return ""
        return data.decode("utf-8", "replace")

    def check(self) -> tuple[Diagnostic, ...]:
        """Runs the linters over the project as the editor has it.

        Raises:
            UserError, PlanError: there is no file, or the policy cannot be read.
        """
        self.findings = self._lint(self.open).findings
        return self.findings

    def mend(self, finding: Diagnostic, *, unsafe: bool) -> Mended:
        """Mends one finding in memory, open texts taken as they are; see `merge_tool.lint.mending.mend`."""
        policy = self.policy_of(self.root)
        files = {}
        for path in self._files():
            try:
                files[path] = self.open[path] if path in self.open else (self.root / path).read_bytes()
            except OSError:
                continue  # the check has a finding that says so
        everything = self._lint(self.open).findings
        near = [item for item in everything if _same(item, finding)]
        return mend(
            files, policy, near[:1], everything, lambda texts: self._lint(texts).findings, unsafe=unsafe
        )

    def _files(self) -> list[str]:
        known = project_files(self.root)
        fresh = new_files(self.root, known)
        return sorted({*known, *fresh, *(path for path in self.open if path.endswith(".py"))})

    def _lint(self, texts: Mapping[str, bytes]) -> LintResult:
        held = {self.root / path: text for path, text in texts.items()}

        def read(path: Path) -> bytes:
            return held[path] if path in held else path.read_bytes()

        files = self._files()
        if not files:
            raise UserError(f"no Python file under {self.root}", hint="open the project's folder")
        if self._cache is None and self.open_cache is not None:
            self._cache = self.open_cache()
        # One process: copies of a process that has threads are not safe.
        return lint_paths(self.root, files, self.policy_of(self.root), read=read, cache=self._cache, jobs=1)


def _same(one: Diagnostic, other: Diagnostic) -> bool:
    return (one.code, one.path, one.message, one.span.line) == (
        other.code,
        other.path,
        other.message,
        other.span.line,
    )

"""Runs git commands by way of GitPython."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from merge_tool.errors import VcsError


class Git:
    """Git commands in one folder, with an environment of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._env: dict[str, str] = {}

    def run(
        self,
        *args: str,
        data: bytes | None = None,
        env: Mapping[str, str] | None = None,
        ok: Sequence[int] = (0,),
        cwd: Path | None = None,
    ) -> bytes:
        """Runs `git ARGS` and returns what it printed.

        Args:
            data: its standard input.
            env: added to the environment.
            ok: exit codes that are no error.
            cwd: where it runs; the repository's root by default.

        Raises:
            VcsError: git ended with another code; the message is git's own first line.
        """
        code, out, err = self.call(*args, data=data, env=env, cwd=cwd)
        if code not in ok:
            text = err.strip().splitlines()
            raise VcsError(f"git {args[0]}: {text[0] if text else f'ended with code {code}'}")
        return out

    def call(
        self,
        *args: str,
        data: bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> tuple[int, bytes, str]:
        """Like `run`, but returns `(exit code, standard output, standard error)` and raises nothing of git's."""
        import git

        full_env = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", **self._env, **(env or {})}
        runner = git.Git(str(cwd or self._folder))
        runner.update_environment(**full_env)
        command = ["git", "-c", "core.quotepath=off", "-c", "gc.auto=0", *args]
        options: dict[str, Any] = {
            "with_extended_output": True,
            "with_exceptions": False,
            "stdout_as_string": False,
            "strip_newline_in_stdout": False,
        }
        if data is None:
            code, out, err = runner.execute(command, **options)
        else:
            with tempfile.TemporaryFile() as stream:  # GitPython hands the stream to the process itself
                stream.write(data)
                stream.seek(0)
                code, out, err = runner.execute(command, istream=stream, **options)
        raw = out if isinstance(out, bytes) else str(out).encode()
        return int(code), raw, err.decode("utf-8", "replace") if isinstance(err, bytes) else str(err)

    def text(self, *args: str, **kwargs: Any) -> str:
        """Like `run`, decoded and without the last newline."""
        return self.run(*args, **kwargs).decode("utf-8", "surrogateescape").rstrip("\n")

"""Runs git commands by way of GitPython."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from merge_tool.errors import VcsError

_LOCKED = re.compile(r"Unable to create\s+'([^']+\.lock)'\s*: File exists")
STALE = 2.0  # seconds; git holds a lock for milliseconds


class Git:
    """Git commands in one folder, with an environment of their own.

    Attributes:
        folder: where it runs.
        exclusive: whether this process holds the run's lock, so that no other git of ours can be at work.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._env: dict[str, str] = {}
        self.exclusive = False

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
            lines = err.strip().splitlines()
            said = next(
                (line for line in lines if line.startswith(("fatal:", "error:"))), lines[0] if lines else ""
            )
            raise VcsError(f"git {args[0]}: {said or f'ended with code {code}'}")
        return out

    def call(
        self,
        *args: str,
        data: bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> tuple[int, bytes, str]:
        """Like `run`, but returns `(exit code, standard output, standard error)` and raises nothing of git's.

        While the run's lock is held (`exclusive`), a lock file that a killed git left in the way is removed and the
        command tried once more.
        """
        code, out, err = self._call(args, data, env, cwd)
        if code != 0 and self.exclusive and _remove_stale_lock(err):
            code, out, err = self._call(args, data, env, cwd)
        return code, out, err

    def _call(
        self, args: tuple[str, ...], data: bytes | None, env: Mapping[str, str] | None, cwd: Path | None
    ) -> tuple[int, bytes, str]:
        import git

        full_env = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", **self._env, **(env or {})}
        runner = git.Git(str(cwd or self.folder))
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


def _remove_stale_lock(message: str) -> bool:
    """Removes the lock file that git's message names, once it has stood there for longer than any git holds one.

    The index of a person's own work tree is never touched: we do not write it.
    """
    match = _LOCKED.search(message)
    if match is None or Path(match[1]).name == "index.lock":
        return False
    path = Path(match[1])
    try:
        before = path.stat()
        time.sleep(max(0.0, STALE - (time.time() - before.st_mtime)))
        if path.stat().st_mtime_ns == before.st_mtime_ns:
            path.unlink()
    except FileNotFoundError:
        return True  # its owner was alive after all, and is done
    return True

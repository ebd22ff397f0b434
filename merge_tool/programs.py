"""Runs a program on the checked-out branch, with its output kept and secrets masked."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from merge_tool.errors import ActionError
from merge_tool.model.text import printable

_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]+:)[^\s@/]+(@)", re.IGNORECASE)
KEPT = 200_000  # bytes of output kept


@dataclass(frozen=True)
class Result:
    """How a program ended: its exit code and the end of its output, made printable, passwords masked."""

    code: int
    output: str


def run_program(
    command: Sequence[str], cwd: Path, *, env: Mapping[str, str] | None = None, timeout: float = 3600
) -> Result:
    """Runs a program without a shell and without standard input.

    Args:
        timeout: seconds until it and its children are ended.

    Raises:
        ActionError: it cannot be started, or did not end in time.
    """
    try:
        with subprocess.Popen(
            list(command), cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                out, _ = process.communicate(timeout=timeout)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
    except FileNotFoundError as error:
        raise ActionError(
            f"there is no program {command[0]}", hint="install it, or name another with --python"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ActionError(f"{command[0]} did not end within {timeout:.0f} seconds") from error
    text = out[-KEPT:].decode("utf-8", "replace")
    return Result(process.returncode, mask(printable(text)))


def mask(text: str) -> str:
    """`text` with passwords in URLs replaced by `***`."""
    return _URL_PASSWORD.sub(r"\1***\2", text)

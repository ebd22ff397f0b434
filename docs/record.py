"""Records the terminal session of the README: real commands on the miniature fork, as one SVG.

    python docs/record.py [SVG]

The commands are those of `SESSION`; what they print is what they printed, but for the folder's own name. A test runs them again and looks that each still
ends as it did.
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from merge_tool.demo.builder import build_miniature
from merge_tool.files import write_atomic

WIDTH = 118
# Command, its exit code, and how many of the last lines are shown (0: all).
SESSION = (
    ("merge-tool phase 0", 0, 8),
    ("merge-tool phase 1", 0, 8),
    ("merge-tool validate app/database/crud/ticket.py --policy remnabot --select TQ3 --explain", 1, 12),
    ("merge-tool status", 0, 14),
)


@dataclass(frozen=True)
class Step:
    """One command with its exit code and what it printed, colours included."""

    command: str
    code: int
    text: str


def run(fork: Path) -> list[Step]:
    """Runs the session in a fork, one command after the other."""
    env = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    env.pop("NO_COLOR", None)
    done = []
    for command, _, shown in SESSION:
        result = subprocess.run(
            [sys.executable, "-m", *shlex.split(command.replace("merge-tool", "merge_tool", 1))],
            cwd=fork, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = (result.stdout.rstrip() or result.stderr.rstrip()).replace(str(fork), "~/fork").splitlines()
        text = "\n".join(["…", *lines[-shown:]] if shown and len(lines) > shown else lines)
        done.append(Step(command, result.returncode, text))
    return done


def picture(steps: list[Step]) -> str:
    """The session as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for step in steps:
        console.print(Text(f"$ {step.command}", style="bold"))
        console.print(Text.from_ansi(step.text), soft_wrap=False)
        console.print()
    return console.export_svg(title="merge-tool", unique_id="session")


def main() -> int:
    """Writes the picture; the exit code is 1 where a command did not end as the session says."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "session.svg"
    with tempfile.TemporaryDirectory() as folder:
        steps = run(build_miniature(Path(folder)).fork)
    wrong = [step for step, (_, code, _) in zip(steps, SESSION, strict=True) if step.code != code]
    for step in wrong:
        sys.stderr.write(f"{step.command}: exit code {step.code}\n{step.text}\n")
    if not wrong:
        write_atomic(target, picture(steps).encode())
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

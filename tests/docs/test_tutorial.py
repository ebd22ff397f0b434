"""The tutorial, run from its first command to its last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.gitrepo import ENV

ROOT = Path(__file__).parent.parent.parent
_BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"exit code (\d+)")


@dataclass(frozen=True)
class Command:
    """One command of the page: its text, its exit code, and what its output must hold."""

    text: str
    code: int
    shown: tuple[str, ...]


def commands(page: str) -> Iterator[Command]:
    """The commands in order. A `console` block has them behind `$`, with the expected output below each."""
    for kind, body in _BLOCK.findall(page):
        if kind == "sh":
            yield Command(body, 0, ())
            continue
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            end = 1
            if here := re.search(r"<<'(\w+)'", lines[0]):
                end = lines.index(here.group(1)) + 1
            shown = [line for line in lines[end:] if line.strip()]
            code = next((int(found.group(1)) for line in shown if (found := _CODE.fullmatch(line))), 0)
            yield Command(
                "\n".join(lines[:end]), code, tuple(line for line in shown if not _CODE.fullmatch(line))
            )


def squeezed(text: str) -> str:
    """Text without its line breaks: a terminal of another width breaks elsewhere."""
    return " ".join(text.split())


def test_every_command_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "merge-tool").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m merge_tool "$@"\n')
    (programs / "merge-tool").chmod(0o755)
    env = {
        **ENV,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "MERGE_TOOL_CACHE_DIR": str(tmp_path / "cache"),
        "NO_COLOR": "1",
    }
    here = tmp_path / "work"
    here.mkdir()
    found = list(commands((ROOT / "docs/tutorial.md").read_text(encoding="utf-8")))
    assert len(found) > 15
    for item in found:
        script = f"set -e\n{item.text}\npwd > {tmp_path}/where\n" if item.code == 0 else item.text
        done = subprocess.run(
            ["bash", "-c", script], cwd=here, env=env, capture_output=True, text=True, check=False
        )
        said = squeezed(done.stdout + done.stderr)
        assert done.returncode == item.code, f"{item.text}\n{done.stdout}\n{done.stderr}"
        for line in item.shown:
            assert squeezed(line) in said, f"{item.text}\n{done.stdout}\n{done.stderr}"
        if item.code == 0:
            here = Path((tmp_path / "where").read_text().strip())

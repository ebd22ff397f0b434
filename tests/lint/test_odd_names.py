"""Paths and texts that would harm a terminal, a log or a reader: shown safely in every form."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

BAD = 'import redis\nclient = redis.Redis()\nclient.get("a\x1b[31m")\n'
NAMES = (
    b"odd\xff.py",
    b"esc\x1b[31m.py",
    b"new\nline.py",
    b"bidi\xe2\x80\xae.py",
    b"per%cent,and:colon.py",
    b"[bold]x[.py",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in NAMES:
        try:
            (tmp_path / os.fsdecode(name)).write_text(BAD)
        except OSError:
            pytest.skip("this file system has no such names")
    return tmp_path


def told(project: Path, *args: str) -> str:
    command = [
        sys.executable,
        "-m",
        "merge_tool",
        "validate",
        "--policy",
        "generic",
        "--select",
        "TK1",
        *args,
    ]
    done = subprocess.run(command, cwd=project, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    text = done.stdout.decode("utf-8")
    everything = text + done.stderr.decode("utf-8")
    assert not [char for char in everything if char != "\n" and (char < " " or char in "\u202e\x7f")]
    return text


def test_people_see_each_on_a_line_of_its_own(project: Path) -> None:
    out = told(project, "--explain")
    assert out.count(" TK1 error: ") == len(NAMES)
    assert "odd\\udcff.py:3:1: " in out
    assert "new\\nline.py:3:1: " in out
    assert "[bold]x[.py:3:1: " in out


@pytest.mark.parametrize("explain", [(), ("--explain",)])
def test_json_is_text_that_every_reader_takes(project: Path, explain: tuple[str, ...]) -> None:
    data = json.loads(told(project, "--json", *explain))
    paths = {item["path"]: item.get("uri", "") for item in data["findings"]}
    assert len(paths) == len(NAMES)
    json.dumps(data, ensure_ascii=False).encode("utf-8")
    assert paths["odd\\udcff.py"] == "odd%FF.py"


def test_sarif_names_the_files_byte_by_byte(project: Path) -> None:
    data = json.loads(told(project, "--format", "sarif"))
    places = [item["locations"][0]["physicalLocation"] for item in data["runs"][0]["results"]]
    assert {place["artifactLocation"]["uri"] for place in places} == {
        "odd%FF.py", "esc%1B%5B31m.py", "new%0Aline.py", "bidi%E2%80%AE.py", "per%25cent%2Cand%3Acolon.py", "%5Bbold%5Dx%5B.py",
    }  # fmt: skip


def test_github_gets_a_command_a_line(project: Path) -> None:
    lines = told(project, "--format", "github").splitlines()
    assert len(lines) == len(NAMES)
    assert all(line.startswith("::error file=") for line in lines)


def test_junit_is_xml(project: Path) -> None:
    root = ElementTree.fromstring(told(project, "--format", "junit").encode())
    assert root.get("failures") == str(len(NAMES))

"""The recorded session of the README: its commands end as they did, and the picture is theirs."""

from __future__ import annotations

import importlib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from merge_tool.demo.builder import build_miniature

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def test_every_command_ends_as_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    record = importlib.import_module("record")
    steps = record.run(build_miniature(tmp_path).fork)
    assert [(step.command, step.code) for step in steps] == [
        (command, code) for command, code, _ in record.SESSION
    ]
    assert all(step.text for step in steps)
    assert str(tmp_path) not in "".join(step.text for step in steps)
    ET.fromstring(record.picture(steps))


def test_the_picture_shows_the_commands_and_stands_in_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    record = importlib.import_module("record")
    shown = "".join(ET.parse(ROOT / "docs" / "session.svg").getroot().itertext()).replace("\xa0", " ")
    for command, _, _ in record.SESSION:
        assert f"$ {command}" in shown
    assert "docs/session.svg" in (ROOT / "README.md").read_text()

"""Documents: the team's own templates, regions that people write, and files that are somebody's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from merge_tool.actions.changes import category, next_version, plain
from merge_tool.actions.regions import keep_regions
from tests.actions.test_actions import make

DOCUMENT = "{kind: document, path: d.md, template: note.md, title: A title}"
TEMPLATE = (
    "# {{ title | md }} (by merge-tool)\n\n<!-- keep: mine -->\nthe default\n<!-- /keep: mine -->\n\nend\n"
)


def test_a_teams_template_is_taken_and_regions_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "merge-templates/note.md.j2": TEMPLATE,
        "d.md": TEMPLATE.replace("the default", "by hand, **kept**"),
    }
    project = make(tmp_path, capsys, DOCUMENT, files)
    project.run("phase", "0")
    assert project.show("d.md") == (
        "# A title (by merge-tool)\n\n<!-- keep: mine -->\nby hand, **kept**\n<!-- /keep: mine -->\n\nend"
    )


def test_a_file_of_somebody_else_is_left_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"merge-templates/note.md.j2": TEMPLATE, "d.md": "ours, written by hand\n"}
    project = make(tmp_path, capsys, DOCUMENT, files)
    assert "d.md is left" in project.run("phase", "0")
    assert project.show("d.md") == "ours, written by hand"
    ledger = project.json("report", "--format", "json")["ledger"]
    assert ("d.md", "not generated") in {(item["subject"], item["what"]) for item in ledger}


@pytest.mark.parametrize(
    "template",
    [
        "{{ nothing.of.that.name }}",
        "{% for %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% include 'x' %}",
    ],
)
def test_a_wrong_template_of_the_team_names_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], template: str
) -> None:
    project = make(tmp_path, capsys, DOCUMENT, {"merge-templates/note.md.j2": template})
    text = project.run("phase", "0", code=1)
    assert "template" in text
    assert "Traceback" not in text


def test_regions_of_code_and_regions_without_a_place() -> None:
    old = "x = 1\n# keep: more\ny = 2\n# /keep: more\n# keep: gone\nz = 3\n# /keep: gone\n"
    text, homeless = keep_regions(old, "x = 9\n    # keep: more\n    # /keep: more\n")
    assert text == "x = 9\n    # keep: more\ny = 2\n    # /keep: more\n\n# keep: gone\nz = 3\n# /keep: gone\n"
    assert homeless == ("gone",)
    assert keep_regions(text, text) == (text, ())


@pytest.mark.parametrize(
    ("subject", "expected", "shown"),
    [
        ("feat(cabinet): sign in by mail", "Added", "Sign in by mail"),
        ("fix: cart is lost", "Fixed", "Cart is lost"),
        ("✨ Добавлена опция", "Added", "Добавлена опция"),
        ("🐛 Исправлена корзина", "Fixed", "Исправлена корзина"),
        ("Remove the old squads", "Removed", "Remove the old squads"),
        ("Update app.py", "Changed", "Update app.py"),
        ("refactor: address of a user", "Changed", "Address of a user"),
        ("", "Changed", ""),
    ],
)
def test_a_subject_tells_its_category(subject: str, expected: str, shown: str) -> None:
    assert (category(subject), plain(subject)) == (expected, shown)


def test_the_next_version_follows_the_newest() -> None:
    text = "# Changelog\n\n## [1.9.0] - 2025-01-01\n\n## 1.10.2\n"
    assert next_version(text, added=True) == "1.11.0"
    assert next_version(text, added=False) == "1.10.3"
    assert next_version("# Changelog\n", added=True) == ""

"""Whatever stands in a repository, the reports stay what they are: JSON, Markdown, HTML."""

from __future__ import annotations

import json
import re
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from merge_tool.model.state import Run
from merge_tool.report.data import ReportData, build_report
from merge_tool.report.html import render_html
from merge_tool.report.json_report import render_json
from merge_tool.report.markdown import LIMIT, render_changelog, render_markdown, render_pr
from merge_tool.store.store import Store
from tests.report.conftest import EVIL, RUN, fill

MARKDOWN: list[Callable[[ReportData], str]] = [render_markdown, render_pr, render_changelog]


@pytest.fixture
def data(store: Store, hostile: Run) -> ReportData:
    return build_report(store, hostile)


class Page(HTMLParser):
    """The tags, attributes and texts of a page, and whether each tag is closed in its turn."""

    VOID = frozenset({"meta", "br", "input", "img", "link", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def harmless(text: str) -> None:
    """No control character, lone surrogate or direction override is left."""
    left = {
        char for char in text if char != "\n" and (unicodedata.category(char) in ("Cc", "Cs") or char in "‪‫‬‭‮⁦⁧⁨⁩")
    }
    assert not left, f"still there: {sorted(map(ascii, left))}"
    text.encode("utf-8")


def test_json_has_the_shape_that_scripts_rely_on(data: ReportData) -> None:
    text = render_json(data)
    assert text.isascii()
    found = json.loads(text)
    assert {"id", "status", "commit"} <= found["stories"][0].keys()
    assert {"id", "status", "evidence"} <= found["criteria"][0].keys()
    assert {"path", "verdict"} <= found["files"][0].keys()
    assert {item["path"] for item in found["files"]} == {item.path for item in data.files}
    assert {item["status"] for item in found["stories"]} <= {
        "waiting",
        "ready",
        "running",
        "stopped",
        "gate",
        "done",
        "skipped",
    }
    assert {item["status"] for item in found["criteria"]} <= {"passed", "failed", "signed", "open"}
    assert found["stories"][2]["parts"][0]["id"] == "1.2#1"
    assert found["verdict"] == data.headline
    assert found["edits"][0].keys() >= {"path", "line", "codemod"}
    assert found["not_done"][0].keys() >= {"path", "line", "reason"}


def test_html_lets_no_text_become_markup(data: ReportData) -> None:
    text = render_html(data)
    harmless(text)
    page = Page(text)
    assert [tag for tag, _ in page.tags if tag == "script"] == ["script"]
    assert "img" not in {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert "style" not in attributes
    shown = "".join(page.text)
    assert "<script>alert(1)</script>" in shown, "it is shown as the text that it is"
    assert "\\x1b[31m\\n# x\\x0d\\x07\\u202e\\udcff" in shown
    assert "{{ 7*7 }}" in shown
    assert "سلام" in shown


def test_html_needs_no_network_and_runs_only_its_own_script(data: ReportData) -> None:
    text = render_html(data)
    page = Page(text)
    for _, attributes in page.tags:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = b64encode(sha256(inside.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert "@import" not in text
    assert "url(" not in text


def test_every_link_of_the_html_leads_somewhere(data: ReportData) -> None:
    page = Page(render_html(data))
    names = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = {(attributes["href"] or "")[1:] for tag, attributes in page.tags if tag == "a"}
    assert links
    assert links <= names


def test_texts_may_run_from_right_to_left(data: ReportData) -> None:
    cells = [
        attributes
        for tag, attributes in Page(render_html(data)).tags
        if tag == "td" and attributes.get("dir") == "auto"
    ]
    assert len(cells) > 10


@pytest.mark.parametrize("render", MARKDOWN)
def test_markdown_lets_no_text_become_markup(data: ReportData, render: Callable[[ReportData], str]) -> None:
    text = render(data)
    harmless(text)
    body = (
        text.split("\n", 1)[1] if render is render_pr else text
    )  # the first line of a pull request is plain text
    prose = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", body)
    assert re.search(r"(?<!\\)<(script|img)", prose) is None
    assert "@bob" not in prose
    assert re.search(r"(?<!\\)&lt;", prose) is None
    assert "alert(1)" in text


@pytest.mark.parametrize("render", MARKDOWN)
def test_markdown_tables_keep_their_columns(data: ReportData, render: Callable[[ReportData], str]) -> None:
    columns = 0
    for line in render(data).splitlines():
        if not line.startswith("|"):
            columns = 0
            continue
        found = len(re.findall(r"(?<!\\)\|", line))
        columns = columns or found
        assert found == columns, line
        assert line.endswith("|")


def test_markdown_tables_stand_alone(data: ReportData) -> None:
    """A table that follows a line of prose without an empty line is no table."""
    lines = render_markdown(data).splitlines()
    for before, line in pairwise(lines):
        assert not line.startswith("|") or before.startswith("|") or not before


def test_the_first_line_of_a_pull_request_is_its_title(data: ReportData) -> None:
    title, empty, *_ = render_pr(data, 1).splitlines()
    assert title == "Phase 1: Do (upstream/main at eeeeeeeeeeee)"
    assert empty == ""
    harmless(render_pr(data, 0).splitlines()[0])


def test_a_pull_request_ticks_only_what_was_shown(data: ReportData) -> None:
    boxes = {name: mark for mark, name in re.findall(r"^- \[(.)\] ([0-9.]+) ", render_pr(data), re.MULTILINE)}
    assert boxes == {"0.1": "x", "1.1": " ", "1.2": " ", "1.3": " ", "0.1.1": " ", "0.1.2": " ", "1.1.1": " "}


def test_the_changelog_has_what_is_done_and_what_was_left_out(data: ReportData) -> None:
    text = render_changelog(data)
    assert "0.1: First" in text
    assert "Second" not in text
    assert "`9bd1944b`: excluded by the plan" in text


@pytest.mark.parametrize("render", MARKDOWN)
@pytest.mark.parametrize("files", [600, 5000])
def test_markdown_fits_into_a_comment_and_says_what_is_missing(
    store: Store, render: Callable[[ReportData], str], files: int
) -> None:
    fill(store, files)
    data = build_report(store, RUN)
    text = render(data)
    assert len(text) <= LIMIT
    if render is render_markdown:
        shown = sum(line.startswith("| ``app/") and "copied" in line for line in text.splitlines())
        (more, whole) = re.findall(r"…and (\d+) more files; the HTML and JSON reports have all (\d+)", text)[
            0
        ]
        assert int(whole) == files + 2
        assert shown + int(more) in (files, files + 1, files + 2)
        assert f"{files} copied" in text


def test_one_text_that_is_too_long_does_not_break_the_report(store: Store) -> None:
    fill(store, 1)
    store.event(RUN.id, "note", "x" * 200_000)
    data = build_report(store, RUN)
    assert len(render_markdown(data)) <= LIMIT
    assert "x" * 200_000 in render_html(data)


def test_a_big_html_table_says_what_it_leaves_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merge_tool.report.html.ROWS", 10)
    fill(store, 25)
    text = render_html(build_report(store, RUN))
    assert "…and 17 more files; the JSON report has all 27." in text


def test_the_same_run_gives_the_same_reports(data: ReportData, store: Store) -> None:
    again = build_report(store, RUN)
    for render in (render_html, render_json, *MARKDOWN):
        assert render(data) == render(again)


def test_a_fresh_run_renders_in_every_form(store: Store) -> None:
    data = build_report(store, RUN)
    for render in (render_html, render_json, *MARKDOWN):
        assert render(data)
    assert EVIL not in render_html(data)

"""What people read in a terminal of any width, in a log, and of a repository that wants to deceive them."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from merge_tool.model.outcome import Outcome, OutcomeStatus
from merge_tool.model.state import Run, StoryStatus
from merge_tool.report.console import flow, safe
from merge_tool.report.status import print_status, status_data
from merge_tool.store.store import Store
from tests.report.conftest import RUN, UNITS, step
from tests.report.test_report_forms import harmless

LONG = "app/database/crud/promocode.py:192:13: TQ7 the filter of PromoCode on bot_id is skipped when bot_id is None"


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(store: Store, run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    print_status(status_data(store, run, folder / ".git"), as_json=False)
    return capsys.readouterr().out


def stopped(store: Store) -> None:
    store.finish_story(RUN.id, *UNITS[0], "c" * 40, StoryStatus.DONE)
    store.set_story(RUN.id, *UNITS[1], status=StoryStatus.RUNNING, base_commit="c" * 40)
    step(store, UNITS[1], 0, "validate", Outcome(OutcomeStatus.STOPPED, "1 new error", details=(LONG,)))
    store.set_story(RUN.id, *UNITS[1], status=StoryStatus.STOPPED, message="1 new error")


STATUS_80 = """\
phase 1: Do
  stopped 1.1                   Second
  ready   1.2#1                 Third
waiting: 2 stories in phases 1
story 1.1, validate: 1 new error
app/database/crud/promocode.py:192:13: TQ7 the filter of PromoCode on bot_id is
  skipped when bot_id is None
next: merge-tool continue   (after mending; or merge-tool skip --reason …)
"""


def test_status_at_80_columns(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdout", Tty())
    stopped(store)
    print_status(status_data(store, RUN, tmp_path / ".git"), as_json=False)
    text = sys.stdout.getvalue()
    assert text.endswith(STATUS_80)
    assert "1 of 4 stories are done, 1.5 of 7 h by the plan's estimate" in text
    assert "  done    0.1     cccccccccccc  First" in text
    told = [line for line in text.splitlines() if "next: " not in line and " into " not in line]
    assert max(map(len, told[1:])) <= 80, "only names of branches and commands may be longer: they are copied"


def test_a_log_gets_every_line_whole(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stopped(store)
    assert LONG in printed(store, RUN, tmp_path, capsys).splitlines()


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_a_hostile_run_shows_as_text(
    store: Store, hostile: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", columns)
    text = printed(store, hostile, tmp_path, capsys)
    harmless(text)
    assert "\\x1b[31m" in text
    assert "[bold]" in text, "rich's markup is text"


@pytest.mark.parametrize(
    ("setting", "colours"), [({"NO_COLOR": "1"}, False), ({"FORCE_COLOR": "1"}, True), ({}, False)]
)
def test_colour_only_where_it_is_wanted(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    setting: dict[str, str], colours: bool,
) -> None:  # fmt: skip
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    stopped(store)
    assert ("\x1b[" in printed(store, RUN, tmp_path, capsys)) is colours


def flowed(text: str, width: int, indent: int, tail: str | None = None) -> list[str]:
    out = Console(file=Tty(), width=width, force_terminal=True, no_color=True, color_system=None)
    flow(out, safe(text), indent, safe(tail) if tail is not None else None)
    assert isinstance(out.file, Tty)
    return out.file.getvalue().splitlines()


def test_what_is_too_long_goes_on_indented() -> None:
    text = "one two three four five six seven eight nine ten"
    assert flowed(text, 24, 2) == ["one two three four five", "  six seven eight nine", "  ten"]
    assert flowed("short", 40, 4) == ["short"]
    assert flowed("a\n\nb", 40, 4) == ["a", "", "b"]


def test_every_word_of_a_wrapped_line_is_there() -> None:
    text = " ".join(f"word{number}" for number in range(60)) + " " + "x" * 130
    for width in (30, 79, 80, 200):
        lines = flowed(text, width, 7)
        assert "".join("".join(lines).split()) == "".join(text.split())
        assert max(map(len, lines)) <= width


def test_a_tail_stands_together() -> None:
    assert flowed("  1.1  Title", 40, 7, "  after 0.1, 0.2") == ["  1.1  Title  after 0.1, 0.2"]
    assert flowed("  1.1  Title that is long", 30, 7, "  after 0.1, 0.2") == [
        "  1.1  Title that is long", "       after 0.1, 0.2",
    ]  # fmt: skip

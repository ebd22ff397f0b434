"""What a report tells beyond the record: changed lines, findings before and after, and which files to read first."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from merge_tool.lint.cache import Cache
from merge_tool.model.outcome import FileCoverage, FileVerdict, MergedHunk, Outcome, OutcomeStatus, Verdict
from merge_tool.model.state import NotDoneRecord, StoryStatus
from merge_tool.report.changes import changes_of
from merge_tool.report.charts import burn_down, rule_bars, step_bars, story_graph
from merge_tool.report.colours import colour_runs, colours_of
from merge_tool.report.data import build_report
from merge_tool.report.html import render_html
from merge_tool.report.json_report import render_json
from merge_tool.report.lines import ConflictLine, Need, ReportData
from merge_tool.report.markdown import render_changelog, render_markdown, render_pr
from merge_tool.report.page import entries_of, pack
from merge_tool.report.review import _by_risk, reviewed, span
from merge_tool.report.review_lines import Change, Review, RiskLine
from merge_tool.report.risk import rank
from merge_tool.report.sites import sites_of
from merge_tool.store.open import open_store
from merge_tool.store.store import Store
from merge_tool.vcs.repo import Entry, Repository
from tests.gitrepo import GitRepo
from tests.project import make_project
from tests.report.conftest import RUN, UNITS, step
from tests.report.forks import AFTER, BEFORE, PATH, generic, looked_at, merged_run
from tests.report.test_report_forms import Page, harmless


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    folder = tmp_path_factory.mktemp("merged")
    with open_store(f"sqlite:///{folder}/state.db", "local") as store:
        store.create_run(RUN, UNITS)
        return looked_at(store, folder / "fork")


def review_of(data: ReportData) -> Review:
    assert data.review is not None
    return data.review


def change(data: ReportData, path: str) -> Change:
    return next(item for item in review_of(data).changes if item.path == path)


def risk(data: ReportData, path: str) -> RiskLine:
    return next(item for item in review_of(data).risks if item.path == path)


def test_every_difference_is_told_with_its_lines(data: ReportData) -> None:
    found = {
        item.path: (item.status, item.added, item.removed, item.note) for item in review_of(data).changes
    }
    assert found == {
        "app/crud.py": ("M", 8, 0, ""),
        "app/gone.py": ("D", 0, 1, ""),
        "app/new_name.py": ("R", 1, 0, ""),
        "app/plain.py": ("M", 1, 1, ""),
        "app/routes.py": ("A", 10, 0, ""),
        "by_hand.py": ("A", 1, 0, ""),
        "logo.png": ("M", 0, 0, "not text"),
        PATH: ("A", 5, 0, ""),
    }
    assert change(data, "app/new_name.py").old_path == "app/old_name.py"
    (hunk,) = change(data, "app/plain.py").hunks
    assert [(row.kind, row.text) for row in hunk.rows] == [(" ", "a = 1"), ("-", "b = 2"), ("+", "b = 3")]
    assert (hunk.old, hunk.new) == (1, 1)
    assert change(data, "app/crud.py").lines == frozenset(range(7, 15))


def test_the_hunks_of_a_change_give_the_new_text_back(data: ReportData) -> None:
    item = change(data, "app/crud.py")
    text = list(item.old)
    for hunk in reversed(item.hunks):
        old = [row.text for row in hunk.rows if row.kind != "+"]
        assert text[hunk.old - 1 : hunk.old - 1 + len(old)] == old
        text[hunk.old - 1 : hunk.old - 1 + len(old)] = [row.text for row in hunk.rows if row.kind != "-"]
    assert "\n".join(text) + "\n" == AFTER["app/crud.py"]


def test_changes_far_apart_stand_in_hunks_of_their_own(tmp_path: Path) -> None:
    git = GitRepo(tmp_path / "far")
    lines = [f"line {number}" for number in range(50)]
    one = git.commit("one", {"a.txt": "\n".join(lines)})
    lines[10], lines[13], lines[40] = "ten", "thirteen", "forty"
    other = git.commit("two", {"a.txt": "\n".join(lines), "exe": "x"})
    (found,) = changes_of(Repository.open(git.path), one, other, {"a.txt"})
    assert [(item.old, len(item.rows)) for item in found.hunks] == [(8, 12), (38, 8)]


def test_findings_are_counted_before_and_after(data: ReportData) -> None:
    review = review_of(data)
    rules = {code: (before, after) for code, before, after in review.rules}
    assert rules["TQ1"][0] < rules["TQ1"][1]
    fresh = {(item.code, item.path) for item in review.findings if item.new}
    assert ("TQ1", "app/crud.py") in fresh
    assert ("TF1", "app/routes.py") in fresh
    assert review.counts[1] > review.counts[0]


def test_what_leaks_stands_first_and_says_why(data: ReportData) -> None:
    risks = review_of(data).risks
    levels = [item.level for item in risks]
    assert levels == sorted(levels, key=["high", "medium", "low"].index)
    assert {item.path for item in risks if item.level == "high"} == {
        "app/crud.py",
        "app/models.py",
        "app/routes.py",
    }
    reasons = {item.kind: item for item in risk(data, "app/crud.py").reasons}
    assert reasons["finding"].line in change(data, "app/crud.py").lines
    assert "thread-tenant left a site" in reasons["left"].text
    assert "both sides changed it" in reasons["merge"].text
    assert reasons.keys() & {"sql", "query", "finding"}
    assert risk(data, "app/models.py").reasons[0].text == "conflict (content) not resolved yet"


def test_a_commit_by_hand_and_an_untested_module_are_told(data: ReportData) -> None:
    assert "commits that the tool did not make" in risk(data, "by_hand.py").reasons[0].text
    assert any(item.kind == "test" for item in risk(data, "app/routes.py").reasons), "no test imports it"
    assert not any(item.kind == "test" for item in risk(data, "app/crud.py").reasons), (
        "tests/test_crud.py does"
    )


def test_a_safe_text_is_no_risk(data: ReportData) -> None:
    found = risk(data, "app/plain.py")
    assert found.level == "low"
    assert [item.kind for item in found.reasons] == ["test"]
    assert "logo.png" not in {item.path for item in review_of(data).risks}


def test_the_less_sure_a_merge_step_the_higher(data: ReportData) -> None:
    def score(step_name: str, confidence: str) -> int:
        hunk = MergedHunk("app/plain.py", 2, step_name, confidence, "why")
        line = ConflictLine("app/plain.py", "0.1", 0, "content", "merged", step_name, (hunk,))
        found = rank(replace(data, conflicts=(line,)), review_of(data).changes, (), None)
        return next(item.score for item in found if item.path == "app/plain.py")

    scores = [score(name, "safe") for name in ("git", "imports", "definitions", "adjacent", "tokens")]
    assert scores == sorted(scores)
    assert len(set(scores)) == len(scores)
    assert score("imports", "full") > score("imports", "safe")
    assert score("a step of a later version", "") >= score("tokens", "")


def test_a_phase_compares_its_own_commits(store: Store, tmp_path: Path) -> None:
    data = looked_at(store, tmp_path / "fork", 0)
    review = review_of(data)
    assert "by_hand.py" not in {item.path for item in review.changes}, "it is in no record of this phase"
    assert {item.path for item in review.changes} == {item.path for item in data.files}
    run, repo = data.run, Repository.open(tmp_path / "fork")
    assert span(data, repo) == (run.fork_commit, run.tip)


def test_a_stop_compares_the_tree_that_is_being_made(store: Store, tmp_path: Path) -> None:
    run, repo = merged_run(store, tmp_path / "fork")
    blob = repo.write_blob(b"half = True\n")
    tree = repo.write_tree(repo.tree_of(run.tip), {"half.py": Entry("100644", blob)})
    store.begin_step(run.id, *UNITS[1], 1, kind="merge", tree_before="t")
    store.finish_step(
        run.id, *UNITS[1], 1, status="stopped", tree_after=tree,
        outcome=Outcome(OutcomeStatus.STOPPED, "s", files=(FileVerdict("half.py", Verdict.GENERATED),)),
    )  # fmt: skip
    store.set_story(run.id, *UNITS[1], status=StoryStatus.STOPPED, message="s")
    data = reviewed(build_report(store, run), repo, generic())
    assert review_of(data).after == tree
    assert "half.py" in {item.path for item in review_of(data).changes}


def test_commits_that_are_gone_are_told_and_the_record_still_stands(store: Store, tmp_path: Path) -> None:
    run, repo = merged_run(store, tmp_path / "fork")
    data = reviewed(build_report(store, replace(run, fork_commit="e" * 40)), repo, generic())
    (note,) = review_of(data).notes
    assert "cannot be shown" in note
    assert data.files
    assert note in json.loads(render_json(data))["compared"]["notes"]
    assert risk(data, "app/models.py").level == "high", "what the record knows is still ranked"


def test_without_a_policy_there_are_changes_but_no_findings(store: Store, tmp_path: Path) -> None:
    run, repo = merged_run(store, tmp_path / "fork")
    review = review_of(reviewed(build_report(store, run), repo, None, "the policy is gone"))
    assert review.notes == ("the policy is gone",)
    assert review.changes
    assert review.rules == review.findings == ()


def test_sites_come_from_the_cache_as_they_went_in(tmp_path: Path) -> None:
    texts = {
        path: text.encode() if isinstance(text, str) else text
        for path, text in {**BEFORE, **AFTER}.items()
        if path.endswith(".py") and text is not None
    }
    cache = Cache(tmp_path / "cache")
    first = sites_of(texts, generic(), cache)
    again = sites_of(texts, generic(), cache)
    cache.close()
    assert first == again == sites_of(texts, generic())
    assert {item.kind for items in first.by_path.values() for item, _ in items} >= {"query", "sql", "route"}


def test_the_json_report_has_the_order_the_changes_and_the_findings(data: ReportData) -> None:
    found = json.loads(render_json(data))
    assert found["risks"][0].keys() == {"path", "level", "score", "reasons"}
    assert found["risks"][0]["reasons"][0].keys() == {"kind", "points", "text", "line"}
    assert {item["path"] for item in found["changes"]} == {item.path for item in review_of(data).changes}
    assert found["findings"]["rules"][0].keys() == {"code", "before", "after"}
    assert found["conflicts"] == [
        {
            "path": "app/models.py",
            "story": "1.1",
            "kind": "content",
            "status": "open",
            "how": "",
            "cause": "both sides changed the same lines",
            "hunks": [],
        }
    ]


def test_markdown_says_what_to_read_first(data: ReportData) -> None:
    text = render_markdown(data)
    assert (
        text.index("What needs a person") < text.index("## Read these files first") < text.index("## Stories")
    )
    rows = re.findall(r"^\| (high|medium|low) \(\d+\) \| `+ ?(.*?) ?`+ \| (\S+ \S+)?", text, re.MULTILINE)
    assert rows[0][0] == "high"
    assert [row[1] for row in rows if row[1].startswith("app/plain")] == ["app/plain.py"]
    assert "+1 −1" in text
    assert "| `app/models.py` | content | open |" in text


def test_the_pull_request_lists_the_risky_files_as_boxes(data: ReportData) -> None:
    boxes = re.findall(r"^- \[ \] `+ ?(.*?) ?`+ .*? – (high|medium|low):", render_pr(data), re.MULTILINE)
    assert ("app/crud.py", "high") in boxes
    assert "low" not in {level for _, level in boxes}


def test_a_skipped_story_has_no_open_conflict(store: Store, tmp_path: Path) -> None:
    run, _ = merged_run(store, tmp_path / "fork")
    assert [item.status for item in build_report(store, run).conflicts] == ["open"]
    store.record_file(run.id, "1.1", 0, FileVerdict("app/models.py", Verdict.RESOLVED, "person", "took ours"))
    (line,) = build_report(store, run).conflicts
    assert (line.status, line.how) == ("resolved", "person – took ours")
    assert RUN.id == run.id
    step(
        store,
        UNITS[3],
        0,
        "merge",
        Outcome(
            OutcomeStatus.DONE, "", files=(FileVerdict("t.py", Verdict.MERGED, "git, conflicts to theirs"),)
        ),
    )
    assert [(item.path, item.status) for item in build_report(store, run).conflicts][-1] == ("t.py", "merged")


@pytest.mark.parametrize("render", [render_html, render_markdown, render_pr, render_changelog, render_json])
def test_no_form_lets_a_hostile_repository_speak_for_itself(
    data: ReportData, render: Callable[[ReportData], str]
) -> None:
    text = render(data)
    harmless(text)
    if render is render_html:
        tags = Page(text).tags
        assert [item.get("type") for tag, item in tags if tag == "script"].count(None) == 1
        assert not any(name.startswith("on") or name in ("src", "style") for _, item in tags for name in item)
        assert "alert(2)" not in text, "code of files is packed; what unpacks it writes text only"
    elif render is not render_json:
        body = text.split("\n", 1)[1] if render is render_pr else text
        prose = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", body)
        assert re.search(r"(?<!\\)<(script|img)", prose) is None
        assert "@bob" not in prose


def test_packed_code_is_whole_and_harmless(data: ReportData) -> None:
    single, hunks, notes = json.loads(
        zlib.decompress(b64decode(pack(change(data, PATH), {1: [["error", "x"]]})))
    )
    assert single is True
    (hunk,) = hunks
    assert hunk[:3] == [1, 1, "+" * 5]
    assert "</script><script>alert(2)</script>" in "\n".join(hunk[3])
    assert notes == {"1": [["error", "x"]]}
    harmless("\n".join(hunk[3]))


@pytest.mark.parametrize(
    ("path", "line", "runs"),
    [
        ("a.py", "def f(x): return 'سلام'", "k3-1f1-5k6-1s6"),
        ("a.py", "x = '🦊🦊'  # 🦊", "-4s6-2c4"),
        ("a.unknown-kind", "def f", ""),
        ("a.json", '{"a": 1}', "-1t3-2n1"),
    ],
)
def test_colours_are_counted_as_javascript_counts(path: str, line: str, runs: str) -> None:
    (found,) = colour_runs(path, [line], 1)
    assert found == (line, runs)


def test_a_string_over_several_lines_keeps_its_colour() -> None:
    lines = ["x = '''one", "two", "three'''", "y = 1"]
    assert [runs for _, runs in colour_runs("a.py", lines, 4)] == ["-4s6", "s3", "s8", "-4n1"]


def test_colours_come_from_the_cache_as_they_went_in(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    first = colour_runs("a.py", ["def f():", "    return '\x1b🦊'"], 2, cache)
    assert colour_runs("a.py", ["def f():", "    return '\x1b🦊'"], 2, cache) == first
    assert first[1][0] == "    return '\\x1b🦊'"
    assert colour_runs("a.txt", ["def f():", "    return '\x1b🦊'"], 2, cache) != first
    cache.close()


def test_diffs_that_do_not_fit_say_so(data: ReportData) -> None:
    entries = entries_of(data, limit=600)
    assert any("no room left" in item.note and not item.packed for item in entries)
    assert sum(len(item.packed) for item in entries) <= 600
    assert [item.path for item in entries] == [item.path for item in entries_of(data)]


def test_hunks_and_coverage_come_back_from_the_store(store: Store, tmp_path: Path) -> None:
    run, repo = merged_run(store, tmp_path / "fork")
    hunks = (
        MergedHunk("app/crud.py", 9, "adjacent", "full", "both added a line"),
        MergedHunk("app/crud.py", 2, "imports", "safe"),
        MergedHunk("app/plain.py", 2, "left", "", "the same statement"),
    )
    coverage = (FileCoverage("app/crud.py", 3, "9-10"), FileCoverage("app/plain.py", 1, ""))
    store.begin_step(run.id, *UNITS[0], 1, kind="test", tree_before="t")
    store.finish_step(
        run.id, *UNITS[0], 1, status="done", tree_after=repo.tree_of(run.tip),
        outcome=Outcome(OutcomeStatus.DONE, "3 passed", hunks=hunks, coverage=coverage),
    )  # fmt: skip
    data = reviewed(build_report(store, run), repo, generic())
    line = next(item for item in data.conflicts if item.path == "app/crud.py")
    assert (line.status, line.how) == ("merged", "adjacent, imports")
    assert [(hunk.line, hunk.step, hunk.confidence) for hunk in line.hunks] == [
        (9, "adjacent", "full"),
        (2, "imports", "safe"),
    ]
    reasons = [item.text for item in risk(data, "app/crud.py").reasons]
    assert "both sides changed it; merged by adjacent, confidence full: both added a line" in reasons
    left = [item.text for item in risk(data, "app/plain.py").reasons]
    assert "both sides changed it; no step merged it, it was left to a person: the same statement" in left
    assert any(text.startswith("no test runs 2 of its 8 changed lines") for text in reasons)
    assert not any(item.kind == "test" for item in risk(data, "app/plain.py").reasons), "all of it ran"
    assert [item.share for item in data.coverage] == [60, 100]
    for render in (render_html, render_markdown):
        text = render(data)
        assert "adjacent" in text
        assert "9-10" in text
        assert "60 %" in text
    assert "Conflicts by the step that resolved them" in render_html(data)


def test_a_measurement_of_another_text_is_not_believed(store: Store, tmp_path: Path) -> None:
    run, repo = merged_run(store, tmp_path / "fork")
    store.begin_step(run.id, *UNITS[0], 1, kind="test", tree_before="t")
    store.finish_step(
        run.id, *UNITS[0], 1, status="done", tree_after=repo.tree_of(run.fork_commit),
        outcome=Outcome(OutcomeStatus.DONE, "", coverage=(FileCoverage("app/crud.py", 3, "9-10"),)),
    )  # fmt: skip
    data = reviewed(build_report(store, run), repo, generic())
    assert not any("no test runs" in item.text for item in risk(data, "app/crud.py").reasons)


def test_only_what_is_shown_is_coloured_and_strings_are_known_from_their_beginning() -> None:
    lines = ["x = 1"] * 50 + ['"""', "def no(): pass", '"""', "def yes(): pass"] + ["y = 2"] * 50
    found = colours_of("a.py", lines, [(51, 52), (53, 54)])
    assert set(found) == {50, 51, 52, 53}
    assert found[51] == ("def no(): pass", "c14")
    assert found[53][1].startswith("k3-1f3")
    assert colours_of("a.py", lines, [(0, 104)])[51] == found[51]
    assert set(colours_of("a.js", lines, [(51, 52)])) == set(range(52)), (
        "another language is read from its beginning"
    )
    assert colours_of("a.py", ["a"], []) == {}


def test_the_graph_of_stories_leaves_out_what_other_edges_imply(store: Store) -> None:
    stories = build_report(store, RUN).stories
    one, two, three = stories[:3]
    chain = (one, replace(two, depends_on=(one.id,)), replace(three, depends_on=(one.id, two.id)))
    picture = story_graph(chain)
    assert picture.count('class="edge"') == 2
    assert picture.count("<a href=") == 3
    assert story_graph((one,)) == ""
    circle = (replace(one, depends_on=(two.id,)), replace(two, depends_on=(one.id,)))
    assert story_graph(circle).count("<rect") == 2, "a plan that is wrong still draws"


def test_charts_of_nothing_are_nothing(store: Store) -> None:
    assert rule_bars(()) == step_bars(()) == burn_down((), ()) == ""
    drawn = rule_bars((("TQ1", 3, 1), ("TQ2", 2, 2), ("<b>", 0, 9)))
    assert "TQ2" not in drawn, "only what changed is drawn"
    assert "<b>" not in drawn
    assert (
        burn_down(build_report(store, RUN).phases, build_report(store, RUN).stories).count("<polyline") == 2
    )


def test_a_report_of_the_record_alone_looks_at_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    project.capsys = capsys
    project.run("phase", "0")
    assert project.json("report", "--format", "json", "--record-only")["compared"]["before"] == ""
    whole = project.json("report", "--json")
    assert whole["compared"]["before"]
    assert whole["compared"]["notes"] == []
    assert "<!doctype html>" in project.run("report", "--format", "html", "--phase", "0")
    assert project.run("report", "pr").count("## Summary") == 1
    folder = next((project.fork.path / ".merge-tool" / "reports").iterdir())
    assert {item.name for item in folder.iterdir()} == {"report.html", "report.md", "report.json"}


def test_the_first_lines_hold_the_counts(data: ReportData) -> None:
    line = "Stories: 1 of 4; files changed: 8 (+26 −2); risk: 3 high, "
    for render in (render_markdown, render_pr):
        head = "\n".join(render(data).splitlines()[:12])
        assert line in head
        assert "conflicts: 1 open of 1" in head
        assert "criteria shown: 0 of 3" in head


def test_what_holds_the_run_up_stands_before_what_was_left_by_risk(data: ReportData) -> None:
    kinds = [item.kind for item in data.needs]
    assert kinds == sorted(kinds, key=lambda kind: kind == "left")
    site = NotDoneRecord("0.1", 0, "app/plain.py", 1, "x", "y")
    left = [
        Need("left", "0.1", 0, "t", "", "app/plain.py"),
        Need("left", "0.1", 0, "t", "", "app/crud.py"),
        *data.needs,
    ]
    ordered = _by_risk(replace(data, needs=tuple(left), not_done=(*data.not_done, site)), review_of(data))
    paths = [item.path for item in ordered if item.kind == "left"]
    assert paths.index("app/crud.py") < paths.index("app/plain.py")
    assert ordered[0].kind == "conflict"

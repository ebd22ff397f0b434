"""The HTML report in a real browser: it opens without a complaint, can be used by mouse, by keys and by all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from merge_tool.model.outcome import Verdict
from merge_tool.model.state import FileRecord
from merge_tool.report.html import render_html
from merge_tool.report.lines import FileLine, ReportData
from merge_tool.report.page import anchor
from merge_tool.report.review_lines import Change, Hunk, Reason, Review, RiskLine, Row
from merge_tool.store.open import open_store
from tests.report.browser import Shown, browser
from tests.report.conftest import RUN, UNITS
from tests.report.forks import PATH, looked_at

Open = Callable[..., Shown]
LARGE = 700  # files
LINES = 80  # of each of them


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    folder = tmp_path_factory.mktemp("merged")
    with open_store(f"sqlite:///{folder}/state.db", "local") as store:
        store.create_run(RUN, UNITS)
        return looked_at(store, folder / "fork")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, data: ReportData) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_html(data), encoding="utf-8")
    return path


@pytest.fixture
def shown(chromium: Browser, file: Path) -> Iterator[Shown]:
    """The hostile report, opened; at its end nothing may have been complained of."""
    opened = Shown(chromium, file)
    yield opened
    opened.page.wait_for_timeout(50)
    assert opened.complaints == []
    opened.page.context.close()


def row(page: Page, path: str) -> str:
    return f"#{anchor(path)}"


def visible_files(page: Page) -> list[str]:
    return page.locator("details.file:visible .path").all_inner_texts()


def test_it_opens_without_a_complaint_and_says_the_verdict_first(shown: Shown) -> None:
    page = shown.page
    expect(page.locator("h1")).to_be_in_viewport()
    expect(page.locator(".headline").first).to_contain_text("waits for a person: 1 conflict")
    expect(page.locator("#needs")).to_be_in_viewport()
    assert page.locator("script").count() == 1 + page.locator("script.packed").count()
    assert page.locator("img").count() == 0


def test_hostile_code_is_shown_as_text(shown: Shown) -> None:
    page = shown.page
    page.locator(f"{row(page, PATH)} summary").first.click()
    table = page.locator(f"{row(page, PATH)} table.code")
    expect(table).to_contain_text("</script><script>alert(2)</script>")
    expect(table).to_contain_text("سلام دنیا")
    expect(table).to_contain_text("\\x1b[31m red")
    assert "\x1b" not in page.content()


def test_a_diff_is_built_when_its_file_is_opened(shown: Shown) -> None:
    page = shown.page
    assert page.locator("table.code").count() == 0
    page.locator(f"{row(page, 'app/plain.py')} summary").first.click()
    table = page.locator(f"{row(page, 'app/plain.py')} table.code.both")
    expect(table.locator("td.del")).to_have_text("b = 2")
    expect(table.locator("td.add")).to_have_text("b = 3")
    expect(table.locator("td.add mark")).to_have_text("3")
    assert table.locator("td.add span, td.add mark").count() >= 1
    assert page.locator("table.code").count() == 1


def test_a_finding_stands_under_its_line(shown: Shown) -> None:
    page = shown.page
    page.locator(f"{row(page, 'app/crud.py')} summary").first.click()
    expect(page.locator("tr.told").first).to_be_visible()
    assert any("TQ1" in text for text in page.locator("tr.told").all_inner_texts())
    assert page.locator("td.add .hk").count() > 0, "keywords have their colour"


def test_the_filter_narrows_the_files(shown: Shown) -> None:
    page = shown.page
    whole = visible_files(page)
    page.fill("#q", "TQ1")
    expect(page.locator("#shown")).not_to_have_text(f"{len(whole)} of {len(whole)} files")
    narrowed = visible_files(page)
    assert "app/crud.py" in narrowed
    assert len(narrowed) < len(whole)
    page.fill("#q", "")
    page.select_option("#by-verdict", "merged")
    assert visible_files(page) == ["app/crud.py"]
    page.select_option("#by-verdict", "")
    page.select_option("#by-risk", "high")
    assert len(visible_files(page)) == 3
    page.fill("#q", "no such file")
    expect(page.locator("#nothing")).to_be_visible()
    page.click("#clear")
    assert visible_files(page) == whole
    page.select_option("#order", "path")
    assert visible_files(page) != whole
    assert sorted(visible_files(page)) == sorted(whole)


def test_a_filter_is_kept_in_the_address(shown: Shown, file: Path) -> None:
    page = shown.page
    page.fill("#q", "crud")
    address = page.evaluate("location.href")
    page.goto("about:blank")
    shown.complaints.clear()
    page.goto(address)
    assert visible_files(page) == ["app/crud.py"]
    expect(page.locator("#q")).to_have_value("crud")
    shown.complaints.clear()


def test_every_link_leads_somewhere(shown: Shown) -> None:
    page = shown.page
    lost = page.evaluate(
        "() => [...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))"
        ".filter((href) => !href.startsWith('#') || !document.getElementById(href.slice(1)))"
    )
    assert lost == []
    lines = page.locator("a[data-line]")
    assert lines.count() > 3
    page.locator("#first a[data-line]").first.click()
    expect(page.locator("details.file[open] table.code").first).to_be_visible()
    assert re.search(r"#f-[0-9a-f]+-L\d+$", page.url)


def test_a_link_to_a_line_opens_its_file_there(shown: Shown) -> None:
    page = shown.page
    page.goto(page.url.partition("#")[0] + f"#{anchor('app/crud.py')}-L10")
    target = page.locator("tr.target")
    expect(target).to_contain_text("select(Order)")
    expect(target).to_be_in_viewport()


def test_the_graph_links_to_its_stories(shown: Shown) -> None:
    page = shown.page
    page.get_by_text("What waits for what").click()
    page.locator("svg a").nth(1).click()
    expect(page.locator("details[id='s-1.1']")).to_have_attribute("open", "")
    expect(page.locator("details[id='s-1.1']")).to_be_in_viewport()


def test_keys_walk_the_files(shown: Shown) -> None:
    page = shown.page
    focused = "document.activeElement.closest('details.file')?.querySelector('.path').textContent"
    names = visible_files(page)
    page.keyboard.press("j")
    assert page.evaluate(focused) == names[0]
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate(focused) == names[1]
    page.keyboard.press("o")
    expect(page.locator("details.file[open]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("details.file[open]")).to_have_count(0)
    page.keyboard.press("/")
    page.keyboard.type("jk?")
    expect(page.locator("#q")).to_have_value("jk?")
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_have_value("")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_the_theme_can_be_chosen(shown: Shown) -> None:
    page = shown.page
    back = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(back)
    page.keyboard.press("t")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(back) != light
    page.reload()
    assert page.evaluate(back) != light, "the choice is remembered"
    page.keyboard.press("t")
    assert page.evaluate(back) == light


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_is_accessible(chromium: Browser, file: Path, width: int, dark: bool) -> None:
    opened = Shown(chromium, file, width=width, dark=dark)
    page = opened.page
    page.evaluate("document.querySelectorAll('details').forEach((item) => (item.open = true))")
    expect(page.locator(f"{row(page, 'app/crud.py')} table.code")).to_be_visible()
    page.wait_for_timeout(300)
    found = Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    )
    told = [
        f"{item['id']}: {item['help']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for item in found.response["violations"]
        for node in item["nodes"][:3]
    ]
    assert told == []
    assert len(found.response["passes"]) > 20
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out sideways"
    page.context.close()


def test_texts_from_right_to_left_are_shown_so(shown: Shown) -> None:
    page = shown.page
    page.evaluate("document.querySelector('.why span[dir=auto]').textContent = 'سلام دنیا'")
    assert page.evaluate("getComputedStyle(document.querySelector('.why span[dir=auto]')).direction") == "rtl"
    page.locator(f"{row(page, PATH)} summary").first.click()
    expect(page.locator(f"{row(page, PATH)} table.code")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('table.code td.add')).direction") == "ltr"


def test_on_paper_there_are_no_controls_and_light_colours(shown: Shown) -> None:
    page = shown.page
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("header")).to_be_hidden()
    expect(page.locator("#filter")).to_be_hidden()
    expect(page.locator("#first")).to_be_visible()
    assert (
        page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--back').trim()")
        == "#fff"
    )


def test_without_javascript_the_record_is_there(chromium: Browser, file: Path, data: ReportData) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("details.file").count() >= len(data.files)
    expect(page.locator("#filter")).to_be_hidden()
    page.locator("details.file summary").first.click()
    expect(page.locator("details.file .why").first).to_be_visible()
    context.close()


def large(data: ReportData) -> ReportData:
    """The report with hundreds of files."""
    code = tuple(
        f"    value_{n} = await db.execute(select(Order).where(Order.tenant_id == tenant_{n}))  # سلام {n}"
        for n in range(LINES)
    )
    changes, risks, files = [], [], []
    for number in range(LARGE):
        path = f"app/part_{number % 20}/module_{number}.py"
        rows = tuple(Row("+", line) for line in code)
        changes.append(
            Change(
                path, "A", "", len(rows), 0, (Hunk(1, 1, rows),), "", frozenset(range(1, LINES + 1)), (), code
            )
        )
        reasons = tuple(
            Reason("query", 3, f"select of Order {n} is held to the tenant", n + 1) for n in range(6)
        )
        risks.append(RiskLine(path, ("high", "medium", "low")[number % 3], 100 - number % 90, reasons))
        history = (
            FileRecord("0.1", 0, path, Verdict.COPIED.value, "copy"),
            FileRecord("0.1", 0, path, Verdict.REWRITTEN.value, "filter-query"),
        )
        files.append(FileLine(path, Verdict.COPIED.value, "copy", "", "0.1", 0, history))
    return replace(data, files=tuple(files), review=Review("b" * 40, "a" * 40, tuple(changes), tuple(risks)))


def test_hundreds_of_files_are_one_small_page_that_works(
    chromium: Browser, data: ReportData, tmp_path: Path
) -> None:
    file = tmp_path / "large.html"
    file.write_text(render_html(large(data)), encoding="utf-8")
    assert file.stat().st_size < 15_000_000
    opened = Shown(chromium, file)
    page = opened.page
    page.fill("#q", "module_69")
    expect(page.locator("#shown")).to_have_text(f"11 of {LARGE} files")
    page.locator("details.file:visible summary").first.click()
    expect(page.locator("table.code tbody tr")).to_have_count(LINES)
    assert opened.complaints == []
    page.context.close()

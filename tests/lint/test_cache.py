"""The cache between runs: the same findings as without it, whatever has become of the cache; and no code from it."""

from __future__ import annotations

import dataclasses
import os
import pickle
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from merge_tool.index.reader import read_module
from merge_tool.lint.cache import Cache
from merge_tool.lint.digests import facts_keys, result_key
from merge_tool.lint.facts_bytes import from_bytes, to_bytes
from merge_tool.lint.files import project_files
from merge_tool.lint.run import LintResult, lint_paths
from merge_tool.model.policy import Policy
from merge_tool.rulekit import EXAMPLE_POLICY

BAD = 'import redis\nclient = redis.Redis()\nclient.get("a")\n'
POLICY = Policy(column="bot_id", parameter="bot_id", claim="bot_id")
MINIATURE = Path(__file__).parents[2] / "fixtures" / "miniature"


def lint(root: Path, cache: Cache | None, policy: Policy = EXAMPLE_POLICY, **more: object) -> LintResult:
    return lint_paths(root, project_files(root), policy, cache=cache, **more)  # type: ignore[arg-type]


def told(result: LintResult) -> object:
    return result.findings, result.files, result.rules, result.notes


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "app").mkdir(parents=True)
    (root / "app" / "a.py").write_text(BAD)
    (root / "app" / "b.py").write_text("from app.a import client\nclient.get(f'{1}:b')\nbroken = 1j\n")
    (root / "app" / "c.py").write_text("def f(:\n")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_a_second_run_says_the_same_without_reading_anything(
    project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lint(project, Cache(folder))
    assert [item.code for item in first.findings] == ["TK1", "TK1", "T04"]

    def unexpected(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("merge_tool.lint.reading.read_files", unexpected)
    assert told(lint(project, Cache(folder))) == told(first)


def test_only_what_changed_is_read_again(
    project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lint(project, Cache(folder))
    (project / "app" / "a.py").write_text("\n" + BAD)
    read: list[str] = []

    def noted(path: str, source: bytes, marker: str, scripts: tuple[str, ...]) -> object:
        read.append(path)
        return read_module(path, source, marker, scripts)

    monkeypatch.setattr("merge_tool.lint.reading.read_module", noted)
    assert lint(project, Cache(folder)).findings[0].span.line == 4
    assert read == ["app/a.py"]


def test_an_edit_of_the_same_size_and_time_is_seen(project: Path, folder: Path) -> None:
    path = project / "app" / "a.py"
    before = path.stat()
    assert '"a"' in lint(project, Cache(folder)).findings[0].message
    path.write_text(BAD.replace('"a"', '"z"'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert '"z"' in lint(project, Cache(folder)).findings[0].message


def test_the_policy_the_choice_and_the_rules_are_part_of_the_key(
    project: Path, folder: Path, tmp_path: Path
) -> None:
    assert len(lint(project, Cache(folder)).findings) == 3
    assert len(lint(project, Cache(folder), ignore=("TK1",)).findings) == 1
    assert len(lint(project, Cache(folder), select=("TQ",)).findings) == 1
    assert len(lint(project, Cache(folder), report_on=["app/b.py"]).findings) == 1
    own = tmp_path / "rules"
    own.mkdir()
    rule = (
        "from merge_tool.rulekit import Rule\nfrom merge_tool.model.source import Span\nclass Own(Rule):\n"
        '    code = "ZZ1"\n    name = "own"\n    def check(self, module, index, policy):\n'
        '        yield self.found(module.path, Span(1, 1, 1, 2), "{}")\n'
    )
    for word in ("one", "two"):
        (own / "own.py").write_text(rule.format(word))
        from merge_tool.lint.loader import _load

        _load.cache_clear()  # a new process would have loaded nothing yet
        found = lint(project, Cache(folder), rule_folders=[own], select=("ZZ",)).findings
        assert {item.message for item in found if item.code == "ZZ1"} == {word}


def test_a_cache_can_be_carried_to_another_checkout(project: Path, folder: Path, tmp_path: Path) -> None:
    first = lint(project, Cache(folder))
    other = tmp_path / "elsewhere" / "checkout"
    shutil.copytree(project, other)
    keys = facts_keys({"app/a.py": BAD.encode()}, Policy())
    assert result_key(keys, POLICY, [], (), (), b"") == result_key(keys, POLICY, [], (), (), b"")
    assert told(lint(other, Cache(folder))) == told(first)


@pytest.mark.parametrize("harm", ["cut", "noise", "empty", "text", "entries"])
def test_a_broken_cache_costs_time_only(project: Path, folder: Path, harm: str) -> None:
    first = lint(project, Cache(folder))
    [path] = folder.iterdir()
    data = path.read_bytes()
    if harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "noise":
        path.write_bytes(data[:200] + random.Random(1).randbytes(len(data) - 200))
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "text":
        path.write_bytes(b"no database\n" * 400)
    else:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE entries SET data = substr(data, 1, length(data) - 3)")
    assert told(lint(project, Cache(folder))) == told(first)
    assert told(lint(project, Cache(folder))) == told(first)


def test_a_folder_that_cannot_be_made_is_told_of_and_done_without(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "cache")
    assert cache.note.startswith("no cache: ")
    assert len(lint(project, cache).findings) == 3


def test_a_full_disk_is_told_of_and_done_without(project: Path, folder: Path) -> None:
    cache = Cache(folder)
    assert cache._database is not None
    cache._database.execute("PRAGMA max_page_count = 3")
    (project / "app" / "large.py").write_text("".join(f"f({number}, x.y)\n" for number in range(2000)))
    assert len(lint(project, cache).findings) == 3
    assert "cannot be written" in cache.note


def test_a_cache_held_by_another_run_is_done_without(
    project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lint(project, Cache(folder))
    monkeypatch.setattr("merge_tool.lint.cache._WAIT", 0.01)
    holder = sqlite3.connect(folder / "lint-1.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        assert told(lint(project, Cache(folder))) == told(first)
    finally:
        holder.close()
    assert told(lint(project, Cache(folder))) == told(first)


def test_old_entries_make_room(folder: Path) -> None:
    cache = Cache(folder, max_bytes=200_000)
    for number in range(60):
        cache.put([(bytes([number]) * 20, bytes(10_000))])
    kept = cache.get([bytes([number]) * 20 for number in range(60)])
    assert bytes([59]) * 20 in kept
    assert bytes([0]) * 20 not in kept
    assert (folder / "lint-1.sqlite").stat().st_size < 400_000


def test_what_can_only_be_read_is_read(project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = lint(project, Cache(folder))
    real = sqlite3.connect

    def refused(*args: object, **more: object) -> sqlite3.Connection:
        if not more.get("uri"):
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return real(*args, **more)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", refused)
    cache = Cache(folder)
    assert "cannot be written" in cache.note
    monkeypatch.setattr("merge_tool.lint.reading.read_files", None)  # a hit needs it not
    assert told(lint(project, cache)) == told(first)


class Evil:
    def __reduce__(self) -> object:
        return os.system, ("touch ran",)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Evil()),
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cmerge_tool.rulekit.values\nwalk.attr\n.",
        pickle.dumps({"no": "facts"}),
        b"",
        b"\x80\x05",
    ],
)
def test_bytes_of_a_stranger_run_nothing(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert from_bytes(data) is None
    assert not (tmp_path / "ran").exists()


def test_facts_come_back_whole() -> None:
    for path in sorted(MINIATURE.rglob("*.py")):
        facts = read_module(path.name, path.read_bytes())
        again = from_bytes(to_bytes(facts))
        assert again is not None
        assert shape(again) == shape(facts)


def shape(value: object) -> object:
    """A value as nested plain data, to compare by structure."""
    if dataclasses.is_dataclass(value):
        names = [item.name for item in dataclasses.fields(value)]
        return type(value).__name__, [shape(getattr(value, name)) for name in names]
    if isinstance(value, tuple | list):
        return [shape(item) for item in value]
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    return type(value), value


def test_random_edits_give_the_same_with_and_without(tmp_path: Path, folder: Path) -> None:
    """Whatever is edited, a run that uses the cache finds what a run without one finds."""
    root = tmp_path / "project"
    shutil.copytree(MINIATURE, root)
    files = project_files(root)
    chance = random.Random(7)
    for _ in range(25):
        path = root / chance.choice(files)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines:
            edit(lines, chance)
        path.write_text("".join(lines), encoding="utf-8")
        assert told(lint(root, Cache(folder), POLICY)) == told(lint(root, None, POLICY))


def edit(lines: list[str], chance: random.Random) -> None:
    at = chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, "# a comment\n")
        case 2:
            lines.append(BAD)
        case _:
            lines[at] = lines[at].replace("bot_id", "user_id")

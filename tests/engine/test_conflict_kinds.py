"""Conflicts of a whole file: none is merged in silence, each says what both sides did, and either side can be taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.gitrepo import GitRepo
from tests.merge_story import Case, Change
from tests.project import BODY

OURS = BODY.replace("VALUE_2 = 2\n", "VALUE_2 = 'fork'\n")
THEIRS = BODY.replace("VALUE_18 = 18\n", "VALUE_18 = 'up'\n")


def mode(name: str, text: str) -> Callable[[GitRepo], object]:
    def change(repo: GitRepo) -> None:
        (repo.path / name).write_text(text)
        (repo.path / name).chmod(0o755)

    return change


def link(target: str) -> Callable[[GitRepo], object]:
    def change(repo: GitRepo) -> None:
        (repo.path / "l").unlink(missing_ok=True)
        (repo.path / "l").symlink_to(target)

    return change


def moved(old: str, new: str, text: str = "") -> Callable[[GitRepo], object]:
    def change(repo: GitRepo) -> None:
        repo.git("mv", old, new)
        if text:
            (repo.path / new).write_text(text)

    return change


@dataclass(frozen=True)
class Kind:
    """One conflict: `ours_tree` and `theirs_tree` tell what stands after either side was taken (None: no such file)."""

    base: Change
    ours: Change
    theirs: Change
    kind: str
    said: str
    ours_tree: Mapping[str, str | None]
    theirs_tree: Mapping[str, str | None]
    resolve: tuple[str, ...] = ("a.py",)
    paths: list[str] = field(default_factory=lambda: ["**"])


FILE = "100644 "
A = {"a.py": BODY}
KINDS = {
    "removed by upstream": Kind(
        A, {"a.py": OURS}, {"a.py": None}, "modify/delete", "the fork changed it, upstream removed it",
        {"a.py": FILE + OURS}, {"a.py": None},
    ),
    "removed by the fork": Kind(
        A, {"a.py": None}, {"a.py": THEIRS}, "modify/delete", "the fork removed it, upstream changed it",
        {"a.py": None}, {"a.py": FILE + THEIRS},
    ),
    "two new names": Kind(
        A, moved("a.py", "b.py", OURS), moved("a.py", "c.py", THEIRS), "rename/rename",
        "both sides renamed a.py: the fork renamed it to b.py, upstream renamed it to c.py",
        {"a.py": None, "b.py": FILE + OURS.replace("18 = 18", "18 = 'up'"), "c.py": None},
        {"a.py": None, "c.py": FILE + OURS.replace("18 = 18", "18 = 'up'"), "b.py": None}, ("b.py",),
    ),
    "two new names and the same line": Kind(
        A, moved("a.py", "b.py", OURS), moved("a.py", "c.py", BODY.replace("VALUE_2 = 2\n", "VALUE_2 = 'up'\n")),
        "rename/rename", "both sides renamed a.py",
        {"b.py": FILE + OURS, "c.py": None},
        {"b.py": None, "c.py": FILE + BODY.replace("VALUE_2 = 2\n", "VALUE_2 = 'up'\n")}, ("c.py",),
    ),
    "renamed here, removed there": Kind(
        A, moved("a.py", "b.py", OURS), {"a.py": None}, "rename/delete", "the fork renamed a.py to b.py, upstream removed a.py",
        {"b.py": FILE + OURS, "a.py": None}, {"b.py": None, "a.py": None}, ("b.py",),
    ),
    "removed here, renamed there": Kind(
        A, {"a.py": None}, moved("a.py", "b.py", THEIRS), "rename/delete", "the fork removed a.py, upstream renamed a.py to b.py",
        {"b.py": None, "a.py": None}, {"b.py": FILE + THEIRS}, ("b.py",),
    ),
    "two files to one name": Kind(
        {"a.py": BODY, "b.py": BODY.replace("VALUE", "OTHER")}, moved("a.py", "c.py"), moved("b.py", "c.py"), "add/add",
        "both sides added a file of this name",
        {"c.py": FILE + BODY}, {"c.py": FILE + BODY.replace("VALUE", "OTHER")}, ("c.py",),
    ),
    "a new folder's file": Kind(
        {f"app/{n}.py": BODY + f"N = {n}\n" for n in range(4)}, moved("app", "bot"), {"app/new.py": "new = 1\n"},
        "directory rename suggested", "so that it may belong at bot/new.py, upstream added app/new.py",
        {"bot/new.py": None, "app/new.py": None}, {"bot/new.py": FILE + "new = 1\n"}, ("bot/new.py",),
    ),
    "binary": Kind(
        {"d.bin": b"\0a"}, {"d.bin": b"\0b"}, {"d.bin": b"\0c"}, "binary", "both sides changed a binary file",
        {"d.bin": FILE + "\0b"}, {"d.bin": FILE + "\0c"}, ("d.bin",),
    ),
    "binary removed": Kind(
        {"d.bin": b"\0a"}, {"d.bin": None}, {"d.bin": b"\0c"}, "modify/delete", "the fork removed it, upstream changed it",
        {"d.bin": None}, {"d.bin": FILE + "\0c"}, ("d.bin",),
    ),
    "modes of a new file": Kind(
        {"k": "1"}, mode("s.sh", "x\n"), {"s.sh": "x\n"}, "mode",
        "the fork added it, executable, upstream added it, not executable",
        {"s.sh": "100755 x\n"}, {"s.sh": "100644 x\n"}, ("s.sh",),
    ),
    "symlinks": Kind(
        link("base"), link("mine"), link("other"), "symlink", "the fork points it to mine, upstream points it to other",
        {"l": "120000 mine"}, {"l": "120000 other"}, ("l",),
    ),
    "symlink for a file": Kind(
        {"l": "text\n"}, link("mine"), {"l": "text\nmore\n"}, "distinct modes",
        "the fork made it a symlink to mine, upstream changed it",
        {"l": "120000 mine"}, {"l": FILE + "text\nmore\n"}, ("l",),
    ),
    "a file where a folder is": Kind(
        {"k": "1"}, {"d": "mine\n"}, {"d/x.py": "x = 1\n"}, "file/directory", "the fork has d",
        {"d": FILE + "mine\n", "d/x.py": None}, {"d/x.py": FILE + "x = 1\n", "d": None}, ("d", "d/x.py"),
    ),
    "data": Kind(
        {"a.json": '{"a": 1}\n'}, {"a.json": '{"a": 2}\n'}, {"a.json": '{"a": 3}\n'}, "content",
        "both sides changed the same lines", {"a.json": FILE + '{"a": 2}\n'}, {"a.json": FILE + '{"a": 3}\n'}, ("a.json",),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("side", "pick"), [("ours", False), ("theirs", False), ("theirs", True)])
@pytest.mark.parametrize("name", KINDS)
def test_a_conflict_says_what_it_is_and_either_side_can_be_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, side: str, pick: bool
) -> None:
    kind = KINDS[name]
    case = Case(tmp_path, kind.base, kind.ours, kind.theirs, kind.paths, pick=pick)
    out = "".join(capsys.readouterr())
    assert case.code == 1
    assert f": {kind.kind}: " in out.replace("\n", " ")
    case.run("conflicts", "--json")
    found = {item["path"]: item for item in json.loads(capsys.readouterr().out)["conflicts"]}
    item = found[kind.resolve[0]]
    assert item["kind"] == kind.kind
    assert kind.said in f"{item['cause']}: the fork {item['ours_did']}, upstream {item['theirs_did']}"
    assert "--ours" in item["mend"]
    assert case.run("continue") == 1, "nothing was decided, and the run goes on"
    for path in kind.resolve:
        assert case.run("resolve", path, f"--{side}") == 0
    done, said = case.run("continue"), "".join(capsys.readouterr())
    # A run of picks alone may end with the remark that no story merged the files; the pick is done all the same.
    assert done == 0 or (pick and "no later merge brings them" in said), said
    tree = case.tree()
    for path, content in (kind.ours_tree if side == "ours" else kind.theirs_tree).items():
        assert tree.get(path) == (content.rstrip("\n") if content is not None else None)
    assert not [path for path, text in tree.items() if "<<<<<<<" in text]


def test_the_report_tells_the_cause(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind = KINDS["removed by upstream"]
    case = Case(tmp_path, kind.base, kind.ours, kind.theirs, kind.paths)
    capsys.readouterr()
    case.run("report", "--format", "md")
    assert kind.said in capsys.readouterr().out
    case.run("conflicts")
    text = " ".join(capsys.readouterr().out.split())
    assert "merge-tool resolve a.py: --ours keeps the fork's file, --theirs removes it" in text
    assert "--hunk" not in text


def test_markers_name_the_sides(tmp_path: Path) -> None:
    kind = KINDS["data"]
    case = Case(tmp_path, kind.base, kind.ours, kind.theirs, kind.paths)
    lines = (case.worktree / "a.json").read_text().splitlines()
    assert [line for line in lines if line[:1] in "<|=>"] == [
        "<<<<<<< fork",
        "||||||| base",
        "=======",
        ">>>>>>> upstream",
    ]


def test_markers_that_git_put_into_a_renamed_file_are_not_taken_for_text(tmp_path: Path) -> None:
    kind = KINDS["two new names and the same line"]
    case = Case(tmp_path, kind.base, kind.ours, kind.theirs, kind.paths)
    assert "<<<<<<<" in (case.worktree / "b.py").read_text()
    assert case.run("resolve", "b.py") == 2
    (case.worktree / "c.py").unlink()
    assert case.run("continue") == 1
    (case.worktree / "b.py").write_text(OURS)
    assert case.run("continue") == 0
    assert case.tree()["b.py"] == FILE + OURS.rstrip("\n")


def test_bytes_of_another_encoding_are_resolved_hunk_by_hunk(tmp_path: Path) -> None:
    head = "# -*- coding: cp1251 -*-\r\n"
    base, ours, theirs = (
        (head + f"x = '{word}'\r\ny = 'ещё'\r\n").encode("cp1251") for word in ("да", "нет", "может")
    )
    case = Case(tmp_path, {"a.py": base}, {"a.py": ours}, {"a.py": theirs}, ["a.py"])
    assert case.code == 1
    assert case.run("conflicts") == 1
    assert case.run("conflicts", "--json") == 1
    assert case.run("resolve", "a.py", "--theirs", "--hunk", "1") == 0
    assert case.run("continue") == 0
    branch = case.fork.git("for-each-ref", "--format=%(refname)", "refs/heads/merge").split()[-1]
    oid = case.fork.git("rev-parse", f"{branch}:a.py")
    (tmp_path / "wanted.py").write_bytes(theirs)
    assert oid == case.fork.git("hash-object", "--no-filters", str(tmp_path / "wanted.py"))

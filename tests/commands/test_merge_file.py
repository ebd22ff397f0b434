"""`merge-tool merge-file` as scripts rely on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from merge_tool.cli import run


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    texts = {"base.py": "x = [1]\n", "ours.py": "x = [1, 2]\n", "theirs.py": "x = [1, 3]\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return [str(tmp_path / name) for name in texts]


def test_a_merge_that_is_clean(files: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.py"
    assert run(["merge-file", *files, "-o", str(out), "--json"]) == 0
    assert out.read_text() == "x = [1, 2, 3]\n"
    found = json.loads(capfd.readouterr().out)
    assert found["status"] == "merged"
    assert found["hunks"] == [
        {
            "line": 1,
            "step": "entries",
            "confidence": "safe",
            "reason": "both sides changed entries of one list, each its own",
        }
    ]


def test_conflicts_left_stand_in_the_file(
    files: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.py"
    assert run(["merge-file", *files, "-o", str(out), "--json", "--off", "entries"]) == 1
    assert out.read_text() == (
        "<<<<<<< ours.py\nx = [1, 2]\n||||||| base.py\nx = [1]\n=======\nx = [1, 3]\n>>>>>>> theirs.py\n"
    )
    found = json.loads(capfd.readouterr().out)
    assert found["status"] == "conflicted"
    assert [(item["step"], item["confidence"]) for item in found["hunks"]] == [("left", "")]


def test_the_text_goes_to_standard_output(files: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["merge-file", *files]) == 0
    printed = capfd.readouterr()
    assert printed.out == "x = [1, 2, 3]\n"
    assert "1 conflicts resolved, 0 left" in printed.err


def test_the_result_may_replace_ours_and_keeps_its_mode(files: list[str]) -> None:
    Path(files[1]).chmod(0o755)
    assert run(["merge-file", *files, "-o", files[1]]) == 0
    assert Path(files[1]).read_text() == "x = [1, 2, 3]\n"
    assert Path(files[1]).stat().st_mode & 0o777 == 0o755


def test_the_path_tells_what_the_file_is(files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(["merge-file", *files, "-o", str(out), "--path", "data.json"]) == 1
    assert out.read_text().startswith("<<<<<<< ours.py\n")


def test_levels(tmp_path: Path) -> None:
    texts = ("a = 1\n", "a = 3\n", "a = 1\nlog(a)\n")
    names = [str(tmp_path / f"{number}.py") for number in range(3)]
    for name, text in zip(names, texts, strict=True):
        Path(name).write_text(text)
    out = tmp_path / "out.py"
    assert run(["merge-file", *names, "-o", str(out)]) == 1
    assert run(["merge-file", *names, "-o", str(out), "--level", "safe,full"]) == 0
    assert out.read_text() == "a = 3\nlog(a)\n"


@pytest.mark.parametrize("more", [["--level", "brave"], ["--off", "magic"]])
def test_wrong_usage(files: list[str], more: list[str]) -> None:
    assert run(["merge-file", *files, *more]) == 2


def test_a_file_that_is_not_there(files: list[str], tmp_path: Path) -> None:
    assert run(["merge-file", str(tmp_path / "none.py"), *files[1:]]) == 2


@pytest.fixture
def renamed(tmp_path: Path) -> list[str]:
    base = "def pay(price_kopeks):\n    send(price_kopeks)\n    return price_kopeks\n"
    texts = {
        "base.py": base,
        "ours.py": base.replace("_kopeks", "_cents"),
        "theirs.py": base.replace("send(", "send(1, "),
        "tenancy.yaml": "extends: generic\ntransforms:\n  - suffixes: {_kopeks: _cents}\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return [str(tmp_path / name) for name in texts]


def test_the_policys_transforms_are_made_first(renamed: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    *files, policy = renamed
    assert run(["merge-file", *files]) == 1
    capfd.readouterr()
    assert run(["merge-file", *files, "--policy", policy, "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert [(item["step"], item["confidence"]) for item in told["hunks"]] == [("transform", "safe")]
    assert told["transforms"] == [
        {
            "name": "rename _kopeks to _cents",
            "places": 1,
            "matched": 1,
            "files": 1,
            "skipped": "",
            "left_out": {},
        }
    ]
    assert run(["merge-file", *files, "--policy", policy]) == 0
    assert "transform rename _kopeks to _cents: 1 of 1 places match" in capfd.readouterr().err
    assert run(["merge-file", *files, "--policy", policy, "--off", "transform"]) == 1


def test_a_transform_that_the_policy_has_wrong_is_told(
    renamed: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    *files, policy = renamed
    Path(policy).write_text("extends: generic\ntransforms: [{codemod: no-such}]\n")
    assert run(["merge-file", *files, "--policy", policy]) == 2
    told = capfd.readouterr().err
    assert "tenancy.yaml: transforms[0]" in told
    assert "no codemod 'no-such'" in told

"""Every example of every codemod: the result, the second run, what stays, and that options are checked."""

from __future__ import annotations

import ast
import difflib
from dataclasses import replace
from importlib import import_module

import pytest

from merge_tool.bundled import bundled
from merge_tool.codemods.base import Codemod, Example, all_codemods, make_codemod
from merge_tool.codemods.run import run_codemod
from merge_tool.errors import UserError
from merge_tool.model.policy import Policy
from merge_tool.model.source import CodemodResult
from merge_tool.plan.policy import load_policy

POLICY = load_policy(bundled("rules/policies/remnabot.yaml"), root=None)


def examples() -> list[tuple[str, Example]]:
    found = []
    for name in all_codemods():
        module = import_module(f"merge_tool.codemods.{name.replace('-', '_')}")
        assert module.EXAMPLES, f"{name} has no example"
        found += [(name, example) for example in module.EXAMPLES]
    return found


ALL = examples()
IDS = [f"{name}-{index}" for index, (name, _) in enumerate(ALL)]


def policy_of(example: Example) -> Policy:
    return replace(POLICY, **example.policy)


def run(name: str, example: Example, files: dict[str, str]) -> tuple[dict[str, str], CodemodResult]:
    raw = {path: text.encode() for path, text in files.items()}
    new, result = run_codemod(make_codemod(name, example.options), raw, example.paths, policy_of(example))
    return {path: data.decode() for path, data in new.items()}, result


@pytest.mark.parametrize(("name", "example"), ALL, ids=IDS)
def test_the_result_is_the_one_written_down(name: str, example: Example) -> None:
    new, result = run(name, example, dict(example.before))
    for path in sorted({*new, *example.after}):
        expected, got = (
            example.after.get(path, example.before.get(path, "")),
            new.get(path, example.before.get(path, "")),
        )
        assert got == expected, "".join(
            difflib.unified_diff(expected.splitlines(True), got.splitlines(True), "expected", "got")
        )
    assert set(new) == set(example.after)
    reasons = [item.reason for item in result.not_done]
    assert len(reasons) == len(example.not_done), reasons
    for wanted, reason in zip(example.not_done, reasons, strict=True):
        assert wanted in reason


@pytest.mark.parametrize(("name", "example"), ALL, ids=IDS)
def test_a_second_run_changes_nothing(name: str, example: Example) -> None:
    new, _ = run(name, example, dict(example.before))
    again, result = run(name, example, {**example.before, **new})
    assert again == {}
    assert result.edits == ()


@pytest.mark.parametrize(("name", "example"), ALL, ids=IDS)
def test_every_result_parses_and_every_changed_file_has_an_edit(name: str, example: Example) -> None:
    new, result = run(name, example, dict(example.before))
    for path, text in new.items():
        ast.parse(text)
        assert any(edit.path == path for edit in result.edits), f"{path} changed without an edit"
    for edit in result.edits:
        assert edit.codemod == name
        assert 1 <= edit.line <= example.before.get(edit.path, "\n").count("\n") + 1


@pytest.mark.parametrize(("name", "example"), ALL, ids=IDS)
@pytest.mark.parametrize("form", ["crlf", "bom", "no-final-newline"])
def test_the_form_of_a_file_stays(name: str, example: Example, form: str) -> None:
    def shaped(text: str) -> bytes:
        if form == "crlf":
            return text.replace("\n", "\r\n").encode()
        return b"\xef\xbb\xbf" + text.encode() if form == "bom" else text.rstrip("\n").encode()

    raw = {path: shaped(text) for path, text in example.before.items()}
    new, _ = run_codemod(make_codemod(name, example.options), raw, example.paths, policy_of(example))
    for path, text in example.after.items():
        if path not in example.before:
            continue
        if form == "no-final-newline":
            # Where an edit stands at the very end, what is added ends the file.
            assert new[path].decode().rstrip("\n") == text.rstrip("\n")
            assert not new[path].endswith(b"\n")
        else:
            assert new[path] == shaped(text)


@pytest.mark.parametrize(("name", "example"), ALL, ids=IDS)
def test_files_that_do_not_parse_are_told_and_break_nothing(name: str, example: Example) -> None:
    raw = {path: text.encode() for path, text in example.before.items()}
    broken = {"zz/broken.py": b"def f(:\n", "zz/latin.py": b"x = '\xff\xfe'\n"}
    new, result = run_codemod(
        make_codemod(name, example.options), {**raw, **broken}, example.paths, policy_of(example)
    )
    assert not broken.keys() & new.keys()
    if not example.paths:
        assert any(item.path == "zz/latin.py" and "cannot be read" in item.reason for item in result.not_done)


@pytest.mark.parametrize("name", list(all_codemods()))
def test_names_and_options_are_in_order(name: str) -> None:
    kind = all_codemods()[name]
    assert issubclass(kind, Codemod)
    assert kind.name == name
    module = import_module(f"merge_tool.codemods.{name.replace('-', '_')}")
    assert (module.__doc__ or "").strip()
    with pytest.raises(UserError, match="no_such_option"):
        make_codemod(name, {"no_such_option": 1})


def test_an_unknown_codemod_is_named_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="there is no codemod") as caught:
        make_codemod("rewrite-everything", {}, where="plan.yaml:7")
    assert "thread-tenant" in caught.value.hint
    assert caught.value.where == "plan.yaml:7"

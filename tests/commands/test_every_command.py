"""What every command owes its user: a help with an example, a document for programs, errors that name the mend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from merge_tool.cli import VERBS, app, run

# Why a command has no --json: programs talk to it in another way.
NO_JSON = {
    "lsp": "speaks the language server protocol",
    "merge-driver": "git reads its exit code",
    "rule": "prints a page; `validate --format json` is for programs",
}
# What a command needs to be tried at all. Those that are not here need nothing.
ARGUMENTS = {
    "phase": ["0"],
    "story": ["0.1"],
    "resolve": ["a.py"],
    "skip": ["--reason", "why"],
    "approve": ["0.1"],
    "rollback": ["--phase", "0"],
    "codemod": ["filter-query"],
    "merge-file": ["base", "ours", "theirs", "-o", "out"],
    "merge-driver": ["base", "ours", "theirs", "a.py"],
    "validate": ["nowhere"],
    "policy infer": ["nowhere"],
    "policy check": ["nowhere"],
    "rule": ["NOPE"],
    "keys migrate": ["--map", "a:{x}=a:{tenant}:{x}"],
}
# These need no repository to work; a wrong argument of each is tried instead.
WRONG = {"demo": ["/dev/null/demo"], "plan": ["--plan", "no.yaml"], "lsp": ["--nonsense"]}
# git takes a driver's code below 128 for a merge with conflicts left, and a higher one for a failure.
FAILS_WITH = {"merge-driver": 255}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its name as it is typed; those of a group each."""
    group: Any = typer.main.get_command(app)
    for verb in VERBS:
        found = group.get_command(None, verb)
        inner = getattr(found, "commands", None)
        if not inner or found.invoke_without_command:
            yield verb, found
        yield from ((f"{verb} {name}", item) for name, item in (inner or {}).items())


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_has_a_sentence_an_example_and_explains_every_option(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert f"merge-tool {name}" in text
    example = text.partition("Example")[2]
    assert f"merge-tool {name}" in example, f"the help of {name} has no example that can be typed"
    for item in COMMANDS[name].params:
        if item.name != "help" and not getattr(item, "hidden", False):
            assert getattr(item, "help", None), f"{name}: {item.name} is not explained"


@pytest.mark.parametrize("width", ["80", "200"])
@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_fits_the_terminal(
    name: str, width: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    assert run([*name.split(), "--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= int(width)


@pytest.mark.parametrize("name", COMMANDS)
def test_programs_are_served(name: str) -> None:
    options = {word for item in COMMANDS[name].params for word in item.opts}
    assert (options & {"--json", "--format"}) or name in NO_JSON, f"{name} has no --json"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "doctor"])
def test_an_error_is_told_in_two_lines_with_its_mend(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    arguments = WRONG.get(name, ARGUMENTS.get(name, []))
    code = run([*name.split(), *arguments])
    told = capsys.readouterr()
    assert code == FAILS_WITH.get(name, 2), f"{name} {arguments}: exit code {code}\n{told.out}{told.err}"
    if name in WRONG and "--nonsense" in WRONG[name]:
        assert "-h' for help" in told.err
    elif name not in FAILS_WITH:
        assert told.err.startswith("error: "), told.err
        assert "mend: " in told.err, told.err
    assert "Traceback" not in told.err
    assert told.out == "", "what goes wrong is told on standard error"
    assert list(tmp_path.iterdir()) == [], "nothing is written where nothing was done"


def test_json_is_the_only_thing_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the commands that need no run; those that need one are tried with one in tests/engine."""
    monkeypatch.chdir(tmp_path)
    for line in (["plan", "--json"], ["validate", "--format", "json", "a.py"], ["doctor", "--json"]):
        (tmp_path / "a.py").write_text("x = 1\n")
        run(line)
        assert json.loads(capsys.readouterr().out)


def test_the_doctor_tells_the_mend_of_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its findings are no errors of its own: exit code 1, told on standard output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert run(["doctor"]) == 1
    told = capsys.readouterr()
    assert "fail  repository" in told.out
    assert "mend: give one with --repo DIR" in told.out
    assert told.err == ""

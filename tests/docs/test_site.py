"""The documentation site is built without a warning, and what its pages show is right."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

from merge_tool.cli import VERBS

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"]
_BLOCK = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
HAND_WRITTEN = [
    page for page in PAGES if page.name not in ("rules.md", "codemods.md", "actions.md", "commands.md")
]


def blocks(page: Path, *kinds: str) -> list[str]:
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [
        re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, kind, body in found if kind in kinds
    ]


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=_quiet())
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site/tutorial/index.html").exists()


def _quiet() -> dict[str, str]:
    import os

    return {
        **os.environ,
        "NO_MKDOCS_2_WARNING": "1",
        "DISABLE_MKDOCS_2_WARNING": "true",
        "PYTHONWARNINGS": "ignore",
    }


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_snippets_parse(page: Path) -> None:
    for body in blocks(page, "yaml"):
        yaml.safe_load(body)
    for body in blocks(page, "toml"):
        tomllib.loads(body)
    for body in blocks(page, "python", "py"):
        ast.parse(body)


@cache
def options_of(verb: str, inner: str) -> str:
    """The help of a verb, and of the verb in it."""
    command = [sys.executable, "-m", "merge_tool", verb, *([inner] if inner else []), "--help"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**_quiet(), "COLUMNS": "200"}
    )
    return done.stdout if done.returncode == 0 else ""


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_the_options_that_pages_name(page: Path) -> None:
    lines = [line.removeprefix("$ ") for body in blocks(page, "sh", "console") for line in body.splitlines()]
    lines += re.findall(r"`(merge-tool [^`]+)`", page.read_text(encoding="utf-8"))
    for line in lines:
        for part in re.findall(r"(?:^|&& )merge-tool ([^#&|>]*)", line):
            words = shlex.split(part.replace("…", ""))
            if not words or words[0].startswith("-") or words[0] != words[0].lower():
                continue
            verb = words[0]
            assert verb in VERBS, f"{page.name}: {line}"
            inner = (
                words[1]
                if len(words) > 1
                and options_of(verb, words[1])
                and verb in ("policy", "transforms", "isolation", "keys", "resolutions")
                else ""
            )
            told = options_of(verb, inner)
            for word in words[1:]:
                if word.startswith("--"):
                    assert word.partition("=")[0] in told, f"{page.name}: {line}: no option {word}"


def test_the_rule_of_the_how_to_page_works(tmp_path: Path) -> None:
    from merge_tool.lint.loader import load_rules
    from merge_tool.lint.run import lint_texts
    from merge_tool.rulekit import EXAMPLE_POLICY

    [text] = blocks(DOCS / "how-to/write-a-rule.md", "python")
    (tmp_path / "personal.py").write_text(text)
    rule = next(rule for rule in load_rules((tmp_path,)) if rule.code == "XX1")
    [invalid] = rule.INVALID
    for code, count in ((invalid.code, 1), *((item.code, 0) for item in rule.VALID)):
        result = lint_texts({"app/a.py": code}, EXAMPLE_POLICY, rules=(rule,))
        assert [item.code for item in result.findings] == ["XX1"] * count


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert str(page.relative_to(DOCS)) in text

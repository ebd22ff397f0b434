"""Generated pages are those of the code; the README names only what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from merge_tool.cli import VERBS

ROOT = Path(__file__).parent.parent


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_readme_names_only_verbs_targets_and_files_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    verbs = set(re.findall(r"(?:^|`|&& )merge-tool ([a-z]+(?:-[a-z]+)*)", text, re.MULTILINE))
    assert len(verbs) > 10
    assert verbs <= set(VERBS), verbs - set(VERBS)
    targets = set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets >= {"demo", "test"}
    for target in targets:
        assert f"\n{target}:" in makefile
    for path in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"python (benchmarks/\S+\.py)", text):
        assert (ROOT / path).exists(), path


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text
    headings = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert headings <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

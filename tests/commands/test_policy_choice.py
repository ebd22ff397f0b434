"""Which policy `validate` and `codemod` take."""

from __future__ import annotations

from pathlib import Path

import pytest

from merge_tool.cli import run
from merge_tool.commands.policy_choice import choose_policy
from tests.project import PLAN, make_project


def test_the_option_then_the_plan_then_the_run_then_generic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    root = project.fork.path
    assert choose_policy(root, "remnabot", None)[1] == "--policy"
    assert choose_policy(root, "", None)[1] == "named by phases.yaml"
    project.fork.commit("no plan here", {"phases.yaml": None})
    assert choose_policy(root, "", None)[0].name == "generic"
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.replace("policy: generic", "policy: remnabot"))
    assert run(["phase", "0", "--repo", str(root), "--plan", str(plan)]) == 0
    capsys.readouterr()
    for folder in (root, root / ".merge-tool" / "worktree"):
        policy, origin = choose_policy(folder, "", None)
        assert (policy.name, origin) == ("remnabot", "that of the run here")


def test_a_plain_folder_takes_the_generic_policy(tmp_path: Path) -> None:
    assert choose_policy(tmp_path, "", None)[0].name == "generic"

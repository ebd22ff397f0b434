"""Which policy a command takes when none was named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.errors import VcsError

if TYPE_CHECKING:
    from merge_tool.model.policy import Policy


def choose_policy(root: Path, given: str, plan: Path | None) -> tuple[Policy, str]:
    """The policy and where it was named: the option, the project's plan, the run that works here, or else the generic one.

    Args:
        root: the project's root.
        given: the value of --policy.
        plan: the value of --plan.

    Raises:
        PlanError: the plan or the policy cannot be read.
    """
    from merge_tool.plan.policy import load_policy
    from merge_tool.plan.yaml_source import read_yaml

    if given:
        return load_policy(given, root=root), "--policy"
    path = plan if plan is not None else root / "phases.yaml"
    if plan is not None or path.is_file():
        data = read_yaml(path).data
        name = data.get("policy") if isinstance(data, dict) else None
        if isinstance(name, str) and name:
            return load_policy(name, root=root), f"named by {path.name}"
    if name := _policy_of_run(root):
        return load_policy(name, root=root), "that of the run here"
    return load_policy("generic", root=root), "no policy was named; --policy names one"


def _policy_of_run(root: Path) -> str:
    """The policy of the repository's active or last run, or ""."""
    from merge_tool.commands.light import light_store

    try:
        with light_store(root, "") as store:
            run = (store.active_run() or store.last_run()) if store else None
    except VcsError:
        return ""  # a plain folder: no run can be there
    return run.policy_name if run else ""

"""Which policy a command takes, and who named it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.errors import VcsError

if TYPE_CHECKING:
    from merge_tool.model.policy import Policy


OWN = "tenancy.yaml"
NAME_ONE = f"give --policy FILE or NAME (bundled: generic, remnabot), or write {OWN} at the root: merge-tool policy infer -o {OWN}"


@dataclass(frozen=True)
class Chosen:
    """A policy and who named it.

    Attributes:
        known: whether it was named, or the project's own models say that it fits; else it is the generic one as a guess.
    """

    policy: Policy
    origin: str
    known: bool = True


def choose_policy(root: Path, given: str, plan: Path | None) -> Chosen:
    """The policy of the option, of the project's plan, of its own tenancy.yaml, of the run that works here; else that
    bundled one whose tenant column the project's models have; else the generic one, as a guess.

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
        return Chosen(load_policy(given, root=root), "--policy")
    path = plan if plan is not None else root / "phases.yaml"
    if plan is not None or path.is_file():
        data = read_yaml(path).data
        name = data.get("policy") if isinstance(data, dict) else None
        if isinstance(name, str) and name:
            return Chosen(load_policy(name, root=root), f"named by {path.name}")
    if (root / OWN).is_file():
        return Chosen(load_policy(OWN, root=root), OWN)
    if name := _policy_of_run(root):
        return Chosen(load_policy(name, root=root), "that of the run here")
    return _fitting(root)


def _fitting(root: Path) -> Chosen:
    """The bundled policy whose tenant column is declared most often in the project's files."""
    import re

    from merge_tool.bundled import bundled
    from merge_tool.lint.files import project_files
    from merge_tool.plan.policy import load_policy

    policies = [
        load_policy(path.stem, root=root) for path in sorted(bundled("rules/policies").glob("*.yaml"))
    ]
    declared = {
        policy.name: re.compile(
            rb"^[ \t]+%b[ \t]*[:=][^#\n]*\b(?:Column|mapped_column|Mapped|Field)\b" % policy.column.encode(),
            re.MULTILINE,
        )
        for policy in policies
    }
    counts = dict.fromkeys(declared, 0)
    for path in project_files(root):
        try:
            data = (root / path).read_bytes()
        except OSError:
            continue  # whoever works on the file says so
        for name, pattern in declared.items():
            counts[name] += len(pattern.findall(data))
    best = max(counts.values())
    fitting = [policy for policy in policies if best and counts[policy.name] == best]
    if len(fitting) == 1:
        times = f"{best} time{'s' * (best != 1)}"
        return Chosen(fitting[0], f"no policy was named; models here declare {fitting[0].column} {times}")
    return Chosen(
        next(item for item in policies if item.name == "generic"), "no policy was named", known=False
    )


def _policy_of_run(root: Path) -> str:
    """The policy of the repository's active or last run, or ""."""
    from merge_tool.commands.light import light_store

    try:
        with light_store(root, "") as store:
            run = (store.active_run() or store.last_run()) if store else None
    except VcsError:
        return ""  # a plain folder: no run can be there
    return run.policy_name if run else ""

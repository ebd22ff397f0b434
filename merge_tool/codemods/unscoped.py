"""Which functions run a statement that is not held to one tenant: asked of the linters' index, so that both say the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from merge_tool.index.project import ProjectIndex
from merge_tool.model.policy import Policy
from merge_tool.rulekit.project import Scoped


def unscoped_functions(
    files: Mapping[str, str], policy: Policy, chosen: Collection[str], parameter: str
) -> list[tuple[str, str]]:
    """The functions of the chosen files in which a statement on a tenant's table is not, or not on every branch, held to
    one tenant, and which have no parameter of that name; `(path, qualified name in the file)`, in order."""
    index = ProjectIndex.build(files, policy)
    found = set()
    for path in sorted(chosen):
        if path not in index.modules:
            continue
        for verdict in index.query_verdicts(path):
            function = verdict.function
            if (
                verdict.scoped in (Scoped.NO, Scoped.PARTIAL)
                and function is not None
                and function.path in chosen
                and function.qualname != "<module>"
                and function.parameter(parameter) is None
            ):
                found.add((function.path, function.qualname))
    return sorted(found)

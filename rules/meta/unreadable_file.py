"""A file that cannot be checked.

What it does
------------
Reports files that cannot be parsed, with the reason: a syntax error (also syntax newer than the interpreter that runs this tool), a wrong
encoding, NUL bytes, nesting too deep, more than 10 MB, no permission to read.

Why is this bad?
----------------
A file that is passed over in silence looks like a clean one. The rest of the project is checked all the same.

Example
-------
    def f(:

Use instead
-----------
    def f(): ...

Not reported
------------
Files that the policy leaves out (`unchecked_paths`).
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid


class UnreadableFile(Rule):
    """See the module."""

    code = "T04"
    name = "unreadable-file"
    severity = Severity.ERROR
    meta = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Nothing: a file without facts is never handed to a rule."""
        return ()

    INVALID = (
        Invalid("x = 1\ndef f(:\n", (Expected(2, "not checked: "),)),
        Invalid("x = 1\ny = '\0'\n", (Expected(2, "NUL byte"),)),
    )
    VALID = (Valid("def f(): ...\n"),)

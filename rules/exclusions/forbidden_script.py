"""A comment or docstring in a script that the policy forbids.

What it does
------------
Reports comments and docstrings with a letter of one of the policy's `forbidden_scripts`, such as Cyrillic.

Why is this bad?
----------------
The team agreed on one language for what developers read. A comment that half of them cannot read is no comment.

Example
-------
    # проверка
    x = 1

Use instead
-----------
    # check
    x = 1

Not reported
------------
Strings that users read, identifiers, and files of a policy without `forbidden_scripts`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

CYRILLIC = {"forbidden_scripts": ("Cyrillic",)}


class ForbiddenScript(Rule):
    """See the module."""

    code = "TX2"
    name = "forbidden-script"
    severity = Severity.WARNING

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports what the reader noted."""
        for item in module.scripts:
            yield self.found(module.path, item.span, f"this {item.kind} is written in {item.script}")

    INVALID = (
        Invalid("x = 1  # проверка\n", (Expected(1, "this comment is written in Cyrillic"),), policy=CYRILLIC),
        Invalid('"""Модуль."""\n', (Expected(1, "this docstring"),), policy=CYRILLIC),
        Invalid('class A:\n    """Класс."""\n    async def f(self):\n        """Метод\n        два."""\n        return "#"  # да\n', (Expected(2, "docstring"), Expected(4, "docstring"), Expected(6, "comment")), policy=CYRILLIC),
        Invalid('s = "\\"# нет"  # да\nt = """\n# нет\n"""\r\n# да\n', (Expected(1, "comment"), Expected(5, "comment")), policy=CYRILLIC),
        Invalid("# 漢字\n", (Expected(1, "Han"),), policy={"forbidden_scripts": ("Cyrillic", "Han")}),
        Invalid("# ქართული\nx = 1\n# ᏣᎳᎩ\n", (Expected(3, "Cherokee"),), policy={"forbidden_scripts": ("Cherokee",)}),
        Invalid("if x:\n    def f():\n        'Да'\n", (Expected(3, "docstring"),), policy=CYRILLIC),
    )  # fmt: skip
    VALID = (
        Valid("x = 1  # проверка\n", policy={"forbidden_scripts": ()}),
        Valid('x = "привет # привет"\nprint(f"Привет {x}")\n', policy=CYRILLIC),
        Valid('x = """\n# не комментарий\n"""\n', policy=CYRILLIC),
        Valid("# check é ü ß → 漢\nимя = 1\n", policy=CYRILLIC),
    )

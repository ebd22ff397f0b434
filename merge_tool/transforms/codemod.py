"""A tenant codemod as a transform: the whole tree is read, and what must change together does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from merge_tool.codemods.base import Project, make_codemod
from merge_tool.codemods.names import Names
from merge_tool.model.policy import Policy
from merge_tool.transforms.base import Transform


class CodemodTransform(Transform):
    """Runs a codemod on a tree of texts.

    Raises:
        UserError: there is no such codemod, or its options are wrong.
    """

    alone = False

    def __init__(
        self, codemod: str, options: Mapping[str, object], policy: Policy,
        *, paths: tuple[str, ...] = (), context: tuple[str, ...] = (), where: str = "",
    ) -> None:  # fmt: skip
        self.name, self.paths, self.context, self._policy = codemod, paths, context, policy
        self._codemod = make_codemod(codemod, options, where)
        self._named = tuple(getattr(self._codemod.options, "functions", ()))

    def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        """See `Transform.run`."""
        codemod = self._codemod
        if self._named:
            # A function that the fork changed may not be there yet on one side, or not any more on the other.
            names = Names(files)
            there = tuple(name for name in self._named if (thing := names.find(name)) and thing.path)
            if not there:
                return {}
            codemod = type(codemod)(replace(codemod.options, functions=there))
        texts = codemod.apply(Project(files, self._policy), paths).texts
        return {path: text for path, text in texts.items() if text != files.get(path)}

"""What a fork transform is: a pure change of a set of texts that gives the same when it is made twice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence


class Transform(ABC):
    """One systematic change of the fork.

    Attributes:
        name: what reports call it.
        paths: git-style patterns of the files that it is about; empty: all.
        context: git-style patterns of files that it reads in the fork's version.
        alone: whether it looks at one file at a time.
    """

    name: str = ""
    paths: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    alone: bool = True

    @abstractmethod
    def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        """Makes the change.

        Args:
            files: every text of the tree by path.
            paths: those to change; empty: all.

        Returns:
            The new text of each file that changes.

        Raises:
            UserError: the tree lacks what the change needs.
        """

    def learn(self, base: Mapping[str, str], fork: Mapping[str, str]) -> None:  # noqa: B027 not abstract: few need it
        """Looks at what the fork did before anything is changed; most transforms have no need to."""

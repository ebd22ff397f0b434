"""Puts a merged text together from the regions of the line merge and the stretches that were merged otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from merge_tool.merging.islands import Island
from merge_tool.merging.regions import Region


@dataclass
class Assembly:
    """A text in the making.

    Attributes:
        spans: first and last line, from 1, of each stretch put in.
        starts: the first line of each conflict, by the number of its region.
    """

    regions: Sequence[Region]
    ours: Sequence[str]
    theirs: Sequence[str]
    left: Callable[[Region], str]
    pieces: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    starts: dict[int, int] = field(default_factory=dict)
    line: int = 1

    def build(self, stretches: Sequence[tuple[Island, str]]) -> str:
        """The whole text; `stretches` are in order and do not overlap."""
        at, offset = 0, 0
        for island, text in stretches:
            first, last = self.regions[island.first], self.regions[island.last - 1]
            stop = island.ours[0] - first.ours[0] if first.kind == "stable" else 0
            self._through(at, offset, island.first, stop)
            start = self.line
            for index in range(island.first, island.last):
                if self.regions[index].kind == "conflict":
                    self.starts[index] = start
            self._put(text)
            self.spans.append((start, max(self.line - 1, start)))
            if last.kind == "stable":
                at, offset = island.last - 1, island.ours[1] - last.ours[0]
            else:
                at, offset = island.last, 0
        self._through(at, offset, len(self.regions), 0)
        return "".join(self.pieces)

    def _through(self, at: int, offset: int, until: int, stop: int) -> None:
        """Writes from a line of one region up to a line (not included) of another."""
        for index in range(at, until + 1):
            if index == len(self.regions):
                return
            region = self.regions[index]
            begin = offset if index == at else 0
            if index == until:
                if stop > begin:
                    self._put("".join(self.ours[region.ours[0] + begin : region.ours[0] + stop]))
                return
            if region.kind == "conflict":
                self.starts[index] = self.line
                self._put(self.left(region))
            elif region.kind == "theirs":
                self._put("".join(self.theirs[slice(*region.theirs)]))
            else:
                self._put("".join(self.ours[region.ours[0] + begin : region.ours[1]]))

    def _put(self, text: str) -> None:
        self.pieces.append(text)
        self.line += text.count("\n")

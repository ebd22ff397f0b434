"""What tests showed already: a run that was green stands for its tests as long as the files are the very same."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_HARMLESS = frozenset({"-v", "-vv", "--verbose", "-q", "-qq", "--quiet"})


@dataclass(frozen=True)
class GreenRun:
    """One run of pytest in which nothing failed.

    Attributes:
        key: the tree that was tested, the interpreter and the database.
        nodes: what was asked for; empty for what the project itself chooses.
        cases: the test cases of its JUnit file.
        coverage: the report of coverage.py, or "".
        called: the run in words.
    """

    key: tuple[str, ...]
    nodes: tuple[str, ...]
    cases: tuple[ET.Element, ...]
    coverage: str
    called: str


@dataclass
class GreenRuns:
    """The green runs of one command. It forgets them at the end: what another command finds may have another reason."""

    _runs: list[GreenRun] = field(default_factory=list)

    def note(self, run: GreenRun) -> None:
        """Remembers a green run."""
        self._runs.append(run)

    def find(
        self, key: tuple[str, ...], nodes: Sequence[str], *, coverage: bool
    ) -> tuple[GreenRun, tuple[ET.Element, ...]] | None:
        """A run on the same files that held all of `nodes`, and their cases; None where there is none.

        Args:
            coverage: whether a measured run of exactly these nodes is wanted: more tests would cover more.
        """
        for run in reversed(self._runs):
            if run.key != key:
                continue
            if coverage and (not run.coverage or _shortest(run.nodes) != _shortest(nodes)):
                continue
            chosen = _cases(run, nodes)
            if chosen:
                return run, chosen
        return None


def comparable(args: Iterable[str]) -> bool:
    """Whether arguments of pytest leave the choice of tests as it is."""
    return set(args) <= _HARMLESS


def suite_of(cases: Sequence[ET.Element]) -> ET.Element:
    """A suite of green cases, as pytest would write it."""
    skipped = sum(case.find("skipped") is not None for case in cases)
    number = {"tests": len(cases), "failures": 0, "errors": 0, "skipped": skipped}
    suite = ET.Element("testsuite", {name: str(value) for name, value in number.items()})
    suite.extend(cases)
    return suite


def belongs(case: ET.Element, node: str) -> bool:
    """Whether a test case of a JUnit file is of a node: `tests/test_a.py::TestB::test_c`, a file, or a folder."""
    path, *inside = node.split("::")
    module = path.rstrip("/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    home, name = case.get("classname", ""), case.get("name", "").partition("[")[0]
    if not inside:
        return home == module or home.startswith(f"{module}.")
    whole = [*home.removeprefix(module).strip(".").split("."), name]
    wanted = [item.partition("[")[0] for item in inside]
    return (home == module or home.startswith(f"{module}.")) and [part for part in whole if part][
        : len(wanted)
    ] == wanted


def _cases(run: GreenRun, nodes: Sequence[str]) -> tuple[ET.Element, ...]:
    """The cases of `nodes` in a run that held them all; empty where it lacks one."""
    if not nodes:
        return () if run.nodes else run.cases
    found: dict[int, ET.Element] = {}
    for node in nodes:
        # A parameter's value may hold anything, and the project's own choice may leave a part of a folder out.
        if "[" in node or not (_within(node, run.nodes) or (not run.nodes and ".py" in node)):
            return ()
        mine = [(number, case) for number, case in enumerate(run.cases) if belongs(case, node)]
        if not mine:
            return ()
        found.update(mine)
    return tuple(found[number] for number in sorted(found))


def _within(node: str, nodes: Iterable[str]) -> bool:
    return any(node == item or node.startswith((f"{item.rstrip('/')}/", f"{item}::")) for item in nodes)


def _shortest(nodes: Sequence[str]) -> set[str]:
    """Nodes without those that stand inside others."""
    return {node for node in nodes if not _within(node, [item for item in nodes if item != node])}

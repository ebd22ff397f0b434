"""Which of a project's files import which, and an order in which every file comes after what it imports."""

from __future__ import annotations

from merge_tool.index.project import ProjectIndex


class Imports:
    """The import graph of a project.

    Files that import one another in a circle have one level; their order is that of their paths.

    Attributes:
        order: every Python file, imported ones first.
    """

    def __init__(self, index: ProjectIndex) -> None:
        self._files: dict[str, frozenset[str]] = {}
        known: dict[str, str] = {}
        for path, module in index.modules.items():
            found = set()
            for item in module.import_sites:
                if item.target not in known:
                    known[item.target] = _file_of(index, item.target)
                found.add(known[item.target])
            self._files[path] = frozenset(found - {"", path})
        circles = _circles(self._files)
        self._level: dict[str, int] = {}
        for circle in circles:
            inside = set(circle)
            below = [self._level[other] for path in circle for other in self._files[path] - inside]
            for path in circle:
                self._level[path] = max(below, default=-1) + 1
        self.order = tuple(path for circle in circles for path in sorted(circle))

    def of(self, path: str) -> frozenset[str]:
        """The project's files that a file imports."""
        return self._files.get(path, frozenset())

    def level(self, path: str) -> int:
        """0 for a file that imports none of the project's, else one more than the highest that it imports."""
        return self._level.get(path, 0)


def _file_of(index: ProjectIndex, target: str) -> str:
    """The file that holds what an import names, or ""."""
    name = target
    while name:
        found = index.named(name)
        exact = [item.path for item in found if item.module == name]
        if exact or (
            "." in name and len(found) == 1
        ):  # one word alone is too little to tell a library from a file
            return exact[0] if exact else found[0].path
        name = name.rpartition(".")[0]
    return ""


def _circles(graph: dict[str, frozenset[str]]) -> list[list[str]]:
    """The strongly connected components, imported ones first.

    Source: R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1(2), 1972; here without recursion.
    """
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    waiting: set[str] = set()
    found: list[list[str]] = []
    for start in sorted(graph):
        if start in number:
            continue
        work = [(start, iter(sorted(graph[start])))]
        number[start] = low[start] = len(number)
        stack.append(start)
        waiting.add(start)
        while work:
            node, following = work[-1]
            for item in following:
                if item not in graph:
                    continue
                if item not in number:
                    number[item] = low[item] = len(number)
                    stack.append(item)
                    waiting.add(item)
                    work.append((item, iter(sorted(graph[item]))))
                    break
                if item in waiting:
                    low[node] = min(low[node], number[item])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    circle = []
                    while True:
                        top = stack.pop()
                        waiting.discard(top)
                        circle.append(top)
                        if top == node:
                            break
                    found.append(circle)
    return found

"""What the inference found, and how sure it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from merge_tool.index.names import all_functions
from merge_tool.index.project import ProjectIndex
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words

# Words that name a tenant in public multi-tenant projects; a column of another name must earn it by its use.
TENANT_WORDS = frozenset(
    """
    tenant org organization organisation workspace team company account bot shop store merchant site
    realm business school clinic hospital studio household community customer project space brand agency
    franchise club church restaurant hotel property firm vendor seller namespace
    """.split()  # noqa: SIM905
)
PERSON_WORDS = frozenset(
    """
    user author owner creator created updated deleted by member person profile employee admin parent sender
    recipient assignee reviewer referrer referred telegram chat
    """.split()  # noqa: SIM905
)
_TAIL = re.compile(r"(?:_?(?:id|uuid|pk|slug|key|guid))$", re.IGNORECASE)
_PLACES = 3
_UNCHECKED = re.compile(
    r"(?:^|/)(?:tests?|test_fixtures|fixtures|seeds|seeders|alembic|migrations?|versions|scripts|examples?|docs|site-packages|node_modules)/"
)


@dataclass(frozen=True, slots=True)
class Guess:
    """One guess.

    Attributes:
        values: what is proposed; empty where nothing was found.
        confidence: `high`, `medium`, `low` or `none`.
        why: the counts behind it, one sentence.
        places: `file:line` of a few sites.
    """

    values: tuple[str, ...] = ()
    confidence: str = "none"
    why: str = ""
    places: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        """The first value, or ""."""
        return self.values[0] if self.values else ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that may be the tenant's, with its counts."""

    name: str
    models: int
    compared: int
    same: int
    targets: tuple[str, ...]
    below: str  # the column that the table it points at carries itself
    score: float
    places: tuple[str, ...] = ()
    over_people: bool = False  # the table of persons carries it too: persons belong to it


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found in one project, by the policy's keys: `column`, `context.getters`, …"""

    name: str
    files: int
    unreadable: int
    models: int
    tenant_models: int
    multi_tenant: bool
    guesses: dict[str, Guess]
    candidates: tuple[Candidate, ...] = ()
    doubts: tuple[str, ...] = ()
    owned: tuple[str, ...] = field(
        default=()
    )  # single-tenant: the tables that would have to become a tenant's


def stem(column: str) -> str:
    """What a column names: `organization` for `organization_id`, `org` for `orgId`."""
    return _TAIL.sub("", column).rstrip("_").lower() or column.lower()


def speaks_of(name: str, tenant: str) -> bool:
    """Whether a name holds the words of a tenant: `get_current_org` of `org`, and any of `tenant`."""
    have = words(name)
    want = words(tenant)
    return "tenant" in have or any(have[at : at + len(want)] == want for at in range(len(have))) or False


def place(path: str, line: int) -> str:
    """A place as comments name it."""
    return f"{path}:{line}"


def some(places: Iterable[str]) -> tuple[str, ...]:
    """The first few places, each once."""
    return tuple(dict.fromkeys(places))[:_PLACES]


def main_functions(index: ProjectIndex) -> Iterator[FunctionFacts]:
    """The functions of the product: those of tests and migrations say nothing of how it carries a tenant."""
    for function in all_functions(index.modules.values()):
        if not is_aside(function.path):
            yield function


def is_aside(path: str) -> bool:
    """Whether a file is a test, a migration or an example."""
    return _UNCHECKED.search(path) is not None


def dotted(index: ProjectIndex, function: FunctionFacts) -> str:
    """A function's absolute name as it is imported, without a leading folder that is no package."""
    return imported_as(index, index.qualified(function))


def imported_as(index: ProjectIndex, qualified: str) -> str:
    """An absolute name in the shape that the project's own imports use."""
    module, _ = index.names.split(qualified)
    if module is None:
        return qualified
    parts = module.module.split(".")
    for start in range(len(parts)):
        short = ".".join(parts[start:])
        if start and short in _imported(index):
            return short + qualified[len(module.module) :]
    return qualified


_known: dict[int, tuple[ProjectIndex, frozenset[str]]] = {}


def _imported(index: ProjectIndex) -> frozenset[str]:
    """Every module path that an import of the project names, whole."""
    held = _known.get(id(index))
    if held is None or held[0] is not index:
        found: set[str] = set()
        for module in index.modules.values():
            for site in module.import_sites:
                found.add(site.target)
                found.add(site.target.rpartition(".")[0])
        _known.clear()  # one project at a time is asked
        held = _known[id(index)] = (index, frozenset(found))
    return held[1]

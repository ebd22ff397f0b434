"""Puts the tenant into the keys of Redis, a whole family of keys at once.

Before::

    async def load_cart(user_id: int, bot_id: int):
        return await client.get(f"cart:{user_id}")

    async def drop_cart(user_id: int, bot_id: int):
        key = cache_key("cart", user_id)
        await client.delete(key)

After::

    async def load_cart(user_id: int, bot_id: int):
        return await client.get(f"{bot_id}:cart:{user_id}")

    async def drop_cart(user_id: int, bot_id: int):
        key = cache_key(bot_id, "cart", user_id)
        await client.delete(key)

The keys are those that the linters report (rules TK1, TK3 and TK4): keys of commands, patterns, channels and locks, through
wrappers, builders and variables. A family is all keys that may be the same, by the text that is known of them, and the patterns
that match them. It is changed at every place or left at every place: a key that one side writes with the tenant and another
reads without it would be lost. Keys that the project makes anew after this are other keys: those in Redis now are not moved.

The tenant is taken from a variable around the key; with `thread`, functions that have none get the parameter and all their
callers pass it (see `thread-tenant`). Where the tenant may be None, where a key is bytes, and where keys are taken apart again
after a scan, the family is left to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import ClassVar

from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.key_origins import KeyPlaces, Origin
from merge_tool.codemods.key_text import as_first_argument, with_tenant
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import in_order, made
from merge_tool.codemods.places import span_of
from merge_tool.codemods.prefix_examples import EXAMPLES
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.tenancy import Tenancy
from merge_tool.codemods.thread import Threading
from merge_tool.codemods.thread_tenant import context_of
from merge_tool.codemods.values import source_at, tenant_value
from merge_tool.index.project import ProjectIndex
from merge_tool.model.source import CodemodResult, Edit, NotDone
from merge_tool.rulekit.project import KeyVerdict, Scoped

_KINDS = ("key", "pattern", "channel", "lock")


@dataclass(frozen=True)
class PrefixKeysOptions:
    """What `prefix-keys` takes.

    Attributes:
        families: patterns of the keys to change, such as `cart:*`; empty: all that lack the tenant.
        infix: patterns of the families in which the tenant comes behind the first part: `cart:{bot_id}:{user_id}`.
        thread: whether functions that have no tenant get it, and their callers pass it.
        context: with `thread`, whether a function that cannot be given the tenant asks the policy's context for it.
    """

    families: tuple[str, ...] = ()
    infix: tuple[str, ...] = ()
    thread: bool = False
    context: bool = False


@dataclass(eq=False)
class _Family:
    """Keys that may be the same."""

    verdicts: list[KeyVerdict] = field(default_factory=list)
    origins: list[tuple[Origin, str]] = field(default_factory=list)  # and the tenant's code there
    owners: list[tuple[Module, FunctionNode]] = field(default_factory=list)  # that must get the tenant
    problems: list[NotDone] = field(default_factory=list)

    @property
    def name(self) -> str:
        return min((item.key for item in self.verdicts), key=lambda key: (len(key), key))


class PrefixKeys(Codemod):
    """See the module."""

    name: ClassVar[str] = "prefix-keys"
    Options: ClassVar[type] = PrefixKeysOptions
    unsafe: ClassVar[str] = "what stands in Redis under the old keys is not found any more"
    options: PrefixKeysOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on every family of which one key stands in the chosen files; the others of it change with it, anywhere."""
        chosen = set(project.chosen(paths))
        names = Names(project.files)
        index = ProjectIndex.build(project.files, project.policy)
        families = [item for item in _families(index) if self._wanted(project, item, chosen)]
        places = KeyPlaces(names, project.policy)
        for family in families:
            self._plan(project, names, places, family)
        good = [item for item in families if not item.problems]
        good = [item for item in good if self._threads(project, names, item)]
        edits: dict[str, FileEdits] = {}
        done: list[Edit] = []
        threading = self._threading(project, names)
        for module, function in dict.fromkeys(owner for item in good for owner in item.owners):
            threading.add(module, function)
        threaded = threading.collect(edits, together=True) if threading.roots else set()
        done += threading.edits
        for family in good:
            # Each could be threaded alone; where not all can be together, no key names a tenant that is not there.
            for module, function in family.owners:
                if function not in threaded:
                    self._refuse(
                        family, module.path, function.lineno, "its functions cannot be given the tenant"
                    )
        good = [item for item in good if not item.problems]
        for family in good:
            done += self._write(family, edits)
        for family in families:
            if family.problems:
                self._give_up(family)
        left = [problem for item in families for problem in item.problems]
        return made(project, names, self.name, edits, done, in_order([*left, *threading.not_done]))

    def _threading(self, project: Project, names: Names) -> Threading:
        context = context_of(project, self.name, self.options.context)
        return Threading(names, self.name, [tenant_value(project.policy)], context)

    def _wanted(self, project: Project, family: _Family, chosen: set[str]) -> bool:
        wanted = self.options.families
        if wanted and not any(fnmatchcase(item.key, glob) for item in family.verdicts for glob in wanted):
            return False
        return any(
            item.path in chosen and project.wants(item.path, item.span.line, item.span.end_line)
            for item in family.verdicts
        )

    # ---- planning ----

    def _plan(self, project: Project, names: Names, places: KeyPlaces, family: _Family) -> None:
        found: dict[Origin, None] = {}
        for verdict in family.verdicts:
            origins, reason = places.of(verdict)
            if reason:
                self._refuse(family, verdict.path, verdict.span.line, reason)
            found |= dict.fromkeys(origins)
        for origin in found:
            self._tenant(project, names, family, origin)

    def _tenant(self, project: Project, names: Names, family: _Family, origin: Origin) -> None:
        module, at = origin.module, origin.node
        value = tenant_value(project.policy)
        if origin.function is None:
            self._refuse(
                family, module.path, at.lineno, "the key is made outside a function, where no tenant is"
            )
            return
        source = source_at(names, module, origin.node, value, frozenset())
        held = Tenancy(names, project.policy, module)
        tenant = held.at(origin.node)
        if source.code:
            if tenant is not None and tenant.optional and not held.checked(origin.node, tenant):
                self._refuse(family, module.path, at.lineno, f"{source.code} may be None here")
                return
            family.origins.append((origin, source.code))
        elif source.owner is not None and self.options.thread:
            family.owners.append((module, source.owner))
            family.origins.append((origin, value.name))
        else:
            why = source.reason or f"no {value.name} is known here"
            self._refuse(family, module.path, at.lineno, why)

    def _threads(self, project: Project, names: Names, family: _Family) -> bool:
        """Whether the functions of a family can get the tenant."""
        if not family.owners:
            return True
        threading = self._threading(project, names)
        for module, function in dict.fromkeys(family.owners):
            threading.add(module, function)
        if not threading.blocked():
            return True
        threading.collect({}, together=True)
        family.problems += threading.not_done
        return False

    def _refuse(self, family: _Family, path: str, line: int, reason: str) -> None:
        family.problems.append(NotDone(path, line, self.name, f"{reason} (keys {family.name})"))

    def _give_up(self, family: _Family) -> None:
        """Says of the other places of a family that they are left because of one."""
        first = family.problems[0]
        for verdict in family.verdicts:
            if not any(
                item.path == verdict.path and item.line == verdict.span.line for item in family.problems
            ):
                reason = f"left with the other keys {family.name}, because of {first.path}:{first.line}"
                family.problems.append(NotDone(verdict.path, verdict.span.line, self.name, reason))

    # ---- writing ----

    def _write(self, family: _Family, edits: dict[str, FileEdits]) -> list[Edit]:
        infix = any(fnmatchcase(item.key, glob) for item in family.verdicts for glob in self.options.infix)
        done = []
        for origin, tenant in family.origins:
            path = origin.module.path
            own = edits.setdefault(path, FileEdits())
            write = as_first_argument(tenant) if origin.joined else with_tenant(tenant, infix)
            own.rewrites[span_of(origin.module.text, origin.node)] = write
            done.append(Edit(path, origin.node.lineno, self.name, f"put {tenant} into the key {family.name}"))
        return done


def _families(index: ProjectIndex) -> list[_Family]:
    """Keys without a tenant, those together that may be the same; in order of their first place."""
    found: list[_Family] = []
    for path in sorted(index.modules):
        for kind in _KINDS:
            for verdict in index.key_verdicts(path, kind):
                if verdict.scoped is not Scoped.NO:
                    continue
                same = [item for item in found if any(_meet(verdict, other) for other in item.verdicts)]
                family = same[0] if same else _Family()
                family.verdicts.append(verdict)
                for other in same[1:]:
                    family.verdicts += other.verdicts
                    found.remove(other)
                if not same:
                    found.append(family)
    return found


def _meet(one: KeyVerdict, other: KeyVerdict) -> bool:
    """Whether two keys may be the same. A text that is not known at all says nothing."""
    if one.key.strip("*:") == "" or other.key.strip("*:") == "":
        return one.key == other.key and one.path == other.path
    return one.key == other.key or fnmatchcase(one.key, other.key) or fnmatchcase(other.key, one.key)


__all__ = ["CODEMOD", "EXAMPLES", "PrefixKeys"]

CODEMOD = PrefixKeys

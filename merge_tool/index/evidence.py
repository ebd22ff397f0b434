"""Whether what a rule found has more behind it than a guess, where nobody has vouched for the policy.

A policy that `policy infer` wrote, and nobody has read through, does not say which tables, keys, routes and jobs are meant for all
tenants: it says `strict: false`. What such a policy finds is an error where the code itself shows that a tenant was meant: it has the tenant in
hand, its neighbours are held, a request reaches it. All else is told as `info`, with what is missing. A policy without that line takes every
finding as the rule gives it. The idea is that of Engler et al., *Bugs as deviant behavior*, SOSP 2001: code that differs from its
own kind is more often wrong than code of a kind of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from merge_tool.index.background import starts_application
from merge_tool.index.passing import passed_for
from merge_tool.index.permits import row_permitted
from merge_tool.index.track import Memo
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import CallSite, Scoped
from merge_tool.rulekit.tenants import knows_tenant, takes_tenant
from merge_tool.rulekit.values import Const, Ref

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MOST_FUNCTIONS = 150  # looked at on the ways to one function
_MANY_CALLS = 25  # of one name, more than which say nothing
_BESIDE = 2  # routes of a file that make a custom
_MOST = 0.5
_KEYS = frozenset(("id", "ids", "uuid", "uuids", "key", "slug", "pk"))
# What people choose: a name, not what a program or another system gave out.
_CHOSEN = frozenset(
    "name names slug title code email username login phone number label domain subdomain handle key sku alias path".split()  # noqa: SIM905
)
_COUNTS = frozenset(
    "metric metrics stat stats statistics counter counters peak heartbeat heartbeats errors latency throughput uptime health".split()  # noqa: SIM905
)
_LOGINS = frozenset(("email", "login", "username"))
_PASSWORDS = frozenset(("password", "passwd", "hashed"))
# `get_workflow_unscoped`, `list_all_tenants_jobs`
_UNHELD = frozenset(("unscoped", "unfiltered"))
_FOR_ALL = frozenset(
    (
        ("all", "tenants"),
        ("all", "orgs"),
        ("all", "organizations"),
        ("all", "workspaces"),
        ("cross", "tenant"),
        ("cross", "org"),
        ("any", "tenant"),
        ("without", "tenant"),
    )
)
_TABLE = re.compile(r"^(?:.*? of )?([\w.]+),? is ")
_ALL = frozenset(("all", "global", "overall", "every"))
_PER = frozenset(("by", "for", "of", "per"))
_ADMINS = frozenset(("admin", "admins", "administrator", "superadmin", "backoffice", "platform"))
_GIVEN = frozenset(
    "id uuid guid token hash secret external stripe provider sid uid jti session digest fingerprint checksum idempotency".split()  # noqa: SIM905
)


class Evidence:
    """Grades the findings of one project."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._policy = index.policy
        self._ways: Memo[tuple[str, str], str] = Memo(index.tracker)
        queries = dict.fromkeys(("TQ1", "TQ2", "TQ3", "TQ5", "TQ8", "TS1"), self._query)
        keys = dict.fromkeys(("TK1", "TK3", "TK4"), self._key)
        self._judges: dict[str, Callable[[Diagnostic, FunctionFacts], str]] = {
            **queries, **keys,
            "TF1": self._route, "TJ1": self._job, "TM1": self._table, "TM4": self._unique,
            "TF3": self._chosen, "TQ7": self._optional, "TJ3": self._context, "TT1": self._token, "TT2": self._token, "TX3": self._wrapper,
        }  # fmt: skip

    def graded(self, item: Diagnostic) -> Diagnostic:
        """The finding as it is, or as `info` with what it lacks."""
        judge = self._judges.get(item.code)
        if judge is None or item.severity is Severity.INFO or self._policy.strict:
            return item
        function = self._around(item)
        why = judge(item, function) if function is not None else ""
        if not why:
            return item
        return replace(
            item, severity=Severity.INFO, reason=(*item.reason, f"{why}; the policy is not strict")
        )

    def _around(self, item: Diagnostic) -> FunctionFacts | None:
        """The innermost function that a finding stands in, its decorators included; the module's own top level else."""
        module = self._index.modules.get(item.path)
        if module is None:
            return None
        found = module.functions["<module>"]
        line = item.span.line
        for function in module.functions.values():
            first = min([function.header.line, *(_line(value) for value in function.decorators)])
            if (
                function.name != "<module>"
                and first <= line <= function.end_line
                and function.header.line >= found.header.line
            ):
                found = function
        return found

    # ---- what each kind of finding has to show -------------------------------------------------------------------

    def _query(self, item: Diagnostic, function: FunctionFacts) -> str:
        if takes_tenant(function, self._policy):
            return ""
        if why := self._seldom_held(item):
            return why
        said = words(function.name)
        if _UNHELD.intersection(said) or any(pair in _FOR_ALL for pair in pairwise(said)):
            return f"{function.name}() says by its name that it is for all tenants"
        if beside := self._for_one(function):
            return f"{beside}() beside it is for one tenant, and this one by its name for all"
        only = self._ways.ask((function.path, function.qualname), self._only_from, function)
        return f"no request comes to it: all ways that are seen begin at {only}" if only else ""

    def _key(self, item: Diagnostic, function: FunctionFacts) -> str:
        if _COUNTS.intersection(words(item.message.partition("the key")[2].partition(" of ")[0])):
            return "it looks like a count over all, not like what belongs to one"
        if knows_tenant(function, self._policy):
            return ""
        return f"nothing in {function.name}() knows the tenant, and what is kept may be the same for all"

    def _route(self, item: Diagnostic, function: FunctionFacts) -> str:
        routes = [route for route in self._index.routes_of(item.path) if route.method != "WEBSOCKET"]
        beside = [route for route in routes if route.function != function.qualname]
        held = sum(route.has_tenant for route in beside)
        if len(beside) >= _BESIDE and held >= _MOST * len(beside):
            return ""  # the others of its file have it
        if self._reads_open(function):
            return ""
        return "few routes of its file have the tenant dependency, and no statement that it is seen to come to is open"

    def _chosen(self, item: Diagnostic, function: FunctionFacts) -> str:
        routes = [
            route
            for route in self._index.routes(places=False)
            if (route.function_path, route.function) == (item.path, function.qualname)
            or (not function.class_name and function.name in route.guards)
        ]
        asked = [
            row_permitted(self._index, site.function, site.call)
            for site in self._index.likely_callers(function)
        ]
        if item.code == "TF3" and function.returns and asked and all(asked):
            return f"what it gives back is checked: {asked[0]}"
        by_route = [_admin((*route.guards, *route.paths)) for route in routes]
        admin = _admin((item.path,)) or (by_route[0] if by_route and all(by_route) else "")
        return (
            f"who names the tenant is an admin, as {admin} says, and may be the platform's own"
            if admin
            else ""
        )

    def _optional(self, item: Diagnostic, function: FunctionFacts) -> str:
        """An optional filter that every caller which is seen makes use of, or that admins leave out."""
        name = item.message.rpartition("is skipped when ")[2].partition(" is None")[0]
        sites = self._index.likely_callers(function) if function.parameter(name) is not None else ()
        if sites and all(_is_passed(function, site, name) for site in sites):
            return f"every caller that is seen passes {name}"
        return self._chosen(item, function)

    def _context(self, item: Diagnostic, function: FunctionFacts) -> str:
        at = (function.path, function.qualname)
        if any((job.function_path, job.function) == at for job in self._index.jobs(places=False)):
            return ""
        return "a request of an ASGI server has a context of its own, which ends with it"

    def _reads_open(self, function: FunctionFacts) -> bool:
        """Whether the function, or one that it calls, has a statement that nothing holds and nothing speaks for."""
        called = (self._index.callee(function.path, function, call) for call in function.calls)
        for target in (function, *called):
            if target is not None and any(
                verdict.function is target and verdict.scoped is Scoped.NO
                for verdict in self._index.query_verdicts(target.path)
            ):
                return True
        return False

    def _job(self, item: Diagnostic, function: FunctionFacts) -> str:
        if any(_KEYS.intersection(words(parameter.name)) for parameter in function.params):
            return ""
        return "it is handed no key of anything, so it may be meant to go through all tenants"

    def _table(self, item: Diagnostic, function: FunctionFacts) -> str:
        return (
            "no person has said that its rows are a tenant's; they may be reached only through rows that are"
        )

    def _unique(self, item: Diagnostic, function: FunctionFacts) -> str:
        names = item.message.partition("(")[2].partition(")")[0]
        said = [set(words(name.strip())) for name in names.split(",") if name.strip()]
        if len(said) == 1 and said[0] & _LOGINS and self._logs_in(item):
            return "the table has passwords, and who logs in by this names no tenant yet"
        if any(have & _CHOSEN and not have & _GIVEN for have in said):
            return ""
        return "its values are given out by a program or by another system, so no two tenants choose the same"

    def _logs_in(self, item: Diagnostic) -> bool:
        """Whether the table of a unique key holds the passwords of people."""
        named = item.message.partition("of the table ")[2].partition(" ")[0]
        table = next((one for one in self._index.schema() if one.table == named), None)
        return table is not None and any(_PASSWORDS.intersection(words(name)) for name in table.columns)

    def _seldom_held(self, item: Diagnostic) -> str:
        """What the policy says of a table whose statements the project seldom holds."""
        unheld = self._policy.tables.unheld
        if "*" in unheld:
            return "the policy says of all tables that their statements are seldom held (tables.unheld)"
        named = _TABLE.search(item.message) if unheld else None
        model = self._index.models.find(named[1]) if named is not None else None
        if model is not None and model.table in unheld:
            return f"the policy says that statements on {model.table} are seldom held (tables.unheld)"
        return ""

    def _for_one(self, function: FunctionFacts) -> str:
        """`count_by_tenant` beside `count_all`: what does the same for one tenant; "" where there is none."""
        said = words(function.name)
        if not _ALL.intersection(said):
            return ""
        about = set(said[1:]) - _ALL  # `count_all_orders` is not what `count_by_bot` of users is to all
        for other in self._index.modules[function.path].functions.values():
            have = words(other.name)
            if (
                other.class_name == function.class_name
                and have[:1] == said[:1]
                and _PER.intersection(have)
                and (not about or about.intersection(have))
                and takes_tenant(other, self._policy)
            ):
                return other.name
        return ""

    def _token(self, item: Diagnostic, function: FunctionFacts) -> str:
        if knows_tenant(function, self._policy):
            return ""
        return f"nothing in {function.name}() knows the tenant, and the token may name a person alone"

    def _wrapper(self, item: Diagnostic, function: FunctionFacts) -> str:
        return (
            ""
            if self._policy.wrappers
            else "that the wrapper adds the tenant is a guess; `wrappers` of the policy names it"
        )

    # ---- who comes to a function ---------------------------------------------------------------------------------

    def _only_from(self, function: FunctionFacts) -> str:
        """Where all ways to a function begin, if no request or unknown caller is among them; else "".

        Calls are taken by name alone, so that no caller is missed: a way too many keeps a finding, none hides it.
        """
        index = self._index
        asked = {(item.function_path, item.function) for item in index.routes(places=False)}
        jobs = {(item.function_path, item.function): item.kind for item in index.jobs(places=False)}
        guards = {name for item in index.routes(places=False) for name in item.guards}
        begins = ""
        seen = {id(function)}
        queue = [function]
        while queue:
            current = queue.pop()
            at = (current.path, current.qualname)
            kind = jobs.get(at, "")
            if at in asked or kind == "bot handler" or current.name in guards or len(seen) > _MOST_FUNCTIONS:
                return ""
            if kind or starts_application(current) or current.name in ("<module>", "main", "__main__"):
                begins = begins or (
                    f"{kind} {current.name}()" if kind else f"{current.name} of {current.path}"
                )
                continue
            name = current.class_name.rpartition(".")[2] if current.name == "__init__" else current.name
            sites = [site for site in index.calls_named(name) if index.is_checked(site.path)]
            if not sites or len(sites) > _MANY_CALLS:
                return ""
            for site in sites:
                if id(site.function) not in seen:
                    seen.add(id(site.function))
                    queue.append(site.function)
        return begins


def _is_passed(function: FunctionFacts, site: CallSite, name: str) -> bool:
    """Whether a call surely passes an optional parameter."""
    value = passed_for(function, site.call, name)
    if value is None or isinstance(value, Const):
        return value is not None and not (isinstance(value, Const) and value.value is None)
    own = site.function.parameter(value.dotted) if isinstance(value, Ref) else None
    return own is None or not (isinstance(own.default, Const) and own.default.value is None)


def _admin(said: Iterable[str]) -> str:
    """The first of some names and paths that speaks of an admin, who may be a tenant's or the platform's."""
    return next((name for name in said if _ADMINS.intersection(words(name.replace("/", "_")))), "")


def _line(value: object) -> int:
    span = getattr(value, "span", None)
    line: int = getattr(span, "line", 1 << 30)
    return line

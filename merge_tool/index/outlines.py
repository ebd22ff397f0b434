"""What of a file others can come upon without naming the file: calls by name, classes with bases, routes, revisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from merge_tool.index.track import Tracker
from merge_tool.rulekit.facts import ModuleFacts
from merge_tool.rulekit.values import Call, Record, Ref

# table -> key -> names; for the whole project: table -> key -> file -> names
Outline = dict[str, dict[str, tuple[str, ...]]]
Table = dict[str, dict[str, tuple[str, ...]]]
TABLES = ("calls", "supers", "aliases", "derived", "web", "indexes", "revisions", "listens", "bases", "models", "imports", "jobs", "job_classes", "defined")  # fmt: skip
WEB = frozenset(("get", "post", "put", "delete", "patch", "options", "head", "trace", "api_route", "route", "websocket", "websocket_route"))  # fmt: skip
_WEB_CALLS = ("include_router", "mount", "add_api_route", "add_api_websocket_route")
_LISTENS = ("listen", "listens_for")
# What may make a function a job, or bring jobs a tenant; see merge_tool/index/jobs.py.
JOB_CALLS = frozenset(
    "register add_job add_task enqueue enqueue_in enqueue_at create_task ensure_future include_router include_routers middleware outer_middleware inner_middleware setup setup_middleware Celery connect "  # noqa: SIM905
    "CommandHandler MessageHandler CallbackQueryHandler InlineQueryHandler ChatMemberHandler PreCheckoutQueryHandler ShippingQueryHandler PollAnswerHandler TypeHandler".split()
)
JOB_CLASS = frozenset(("functions", "cron_jobs", "on_job_start"))


def outline(module: ModuleFacts) -> Outline:
    """A file's own part of each table: functions by the names they call, and so on."""
    found: dict[str, dict[str, dict[str, None]]] = {table: {} for table in TABLES}
    calls, supers, aliases = found["calls"], found["supers"], found["aliases"]
    for qualname, function in module.functions.items():
        found["defined"].setdefault(function.name, {})[qualname] = None
        names = {call.name for call in function.calls}
        for name in names:
            calls.setdefault(name, {})[qualname] = None
        for call in function.calls:
            receiver = call.func
            if (
                not isinstance(receiver, Ref)
                and isinstance(call.receiver, Call)
                and call.receiver.dotted == "super"
            ):
                supers.setdefault(call.name, {})[qualname] = None
        for local, target in function.imports.items():
            last = target.rpartition(".")[2]
            if last != local:
                aliases.setdefault(last, {})[local] = None
        marks = [item.name for item in function.decorators if isinstance(item, Call)]
        if not WEB.isdisjoint(marks) or not names.isdisjoint(_WEB_CALLS):
            found["web"].setdefault("", {})[qualname] = None
        if "listens_for" in marks or "listen" in names:
            found["listens"].setdefault("", {})[qualname] = None
        if function.decorators or not names.isdisjoint(JOB_CALLS) or any(name.startswith("register_") for name in names):  # fmt: skip
            found["jobs"].setdefault("", {})[qualname] = None
    for qualname, item in module.classes.items():
        if not JOB_CLASS.isdisjoint(item.attributes) or any(isinstance(base, Ref) and base.last.endswith("Middleware") for base in item.bases):  # fmt: skip
            found["job_classes"].setdefault("", {})[qualname] = None
        if item.bases:
            found["derived"].setdefault("", {})[item.name] = None
            found["bases"].setdefault("", {})[qualname] = None
        if item.bases or item.keywords or "__tablename__" in item.attributes or "__table__" in item.attributes or "__tablename__" in item.methods:  # fmt: skip
            found["models"].setdefault("", {})[qualname] = None
    top = module.top
    if any(call.name in ("Index", "UniqueConstraint") for call in top.calls):
        found["indexes"][""] = {"<module>": None}
    if any(isinstance(value, Record) for value in top.variables.values()):
        found["job_classes"].setdefault("", {})["<module>"] = None
    if any(isinstance(value, Call) and value.name == "Table" for value in top.variables.values()):
        found["models"].setdefault("", {})["<module>"] = None
    if "revision" in top.variables and "down_revision" in top.variables and "upgrade" in module.functions:
        found["revisions"][""] = {"upgrade": None}
    for number, site in enumerate(module.import_sites):
        for name in {site.target, site.target.rpartition(".")[0]}:
            found["imports"].setdefault(name, {})[str(number)] = None
    return {table: {key: tuple(names) for key, names in rows.items()} for table, rows in found.items()}


class Tables:
    """The outlines of all files, by what is looked for."""

    def __init__(self, rows: dict[str, Table], tracker: Tracker) -> None:
        self.rows = rows
        self._tracker = tracker

    @classmethod
    def of(cls, modules: Iterable[ModuleFacts], tracker: Tracker) -> Tables:
        """The tables of these files."""
        made = cls({table: {} for table in TABLES}, tracker)
        for module in modules:
            made.add(module.path, outline(module))
        return made

    def find(self, table: str, key: str = "") -> list[tuple[str, tuple[str, ...]]]:
        """The files that have something under a key, in order, each with the names."""
        self._tracker.seen.add(("", table, key))
        return sorted(self.rows[table].get(key, {}).items())

    def names(self, table: str, key: str, path: str) -> tuple[str, ...]:
        """The names that one file has under a key."""
        self._tracker.seen.add(("", table, f"{key} {path}"))
        return self.rows[table].get(key, {}).get(path, ())

    def add(self, path: str, item: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
        """Puts a file in."""
        for table, rows in item.items():
            into = self.rows[table]
            for key, names in rows.items():
                into.setdefault(key, {})[path] = names

    def replace(self, path: str, old: Outline, new: Outline) -> set[tuple[str, str]]:
        """Puts a file's new outline in the place of its old one, and gives the tables and keys where they differ."""
        changed: set[tuple[str, str]] = set()
        for table in TABLES:
            for key in old[table].keys() | new[table].keys():
                names = new[table].get(key)
                if names != old[table].get(key):
                    changed |= {(table, key), (table, f"{key} {path}")}
                    if names is None:
                        self.rows[table][key].pop(path, None)
                    else:
                        self.rows[table].setdefault(key, {})[path] = names
        return changed

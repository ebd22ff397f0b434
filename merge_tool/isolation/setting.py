"""How a project is set up: its models' base, sessions, application, tokens and per-tenant settings, found in its text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.inventing import SESSIONS, Inventor, is_session
from merge_tool.isolation.origins import origins
from merge_tool.isolation.places import is_away
from merge_tool.isolation.switches import switch_settings
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.values import Call, Const, Item, Items, Ref, Value, walk

_MAKERS = ("async_sessionmaker", "sessionmaker")


@dataclass
class Setting:
    """What the support module must know of a project.

    Attributes:
        metadata: the expression for the models' MetaData.
        maker: absolute name of the module-level session maker, or "".
        tenants_table: the table that the tenant column points at, or "".
        setters: absolute names of the functions that put the tenant into the context.
        application: absolute name of the application or of the function that makes it, or ""; `called` tells which.
        headers: header -> expression.
        rows: table -> column -> expression, for every test.
        settings_rows: (table, column -> text) of per-tenant settings.
        overridden: absolute names of the session dependencies that must be replaced.
        names: absolute names that the expressions need.
        modules: the modules that hold models.
        user: the model of who makes requests, or None.
        settings: absolute name of the settings object, or ""; `switched` what its attributes are set to.
    """

    asynchronous: bool
    metadata: str
    maker: str = ""
    tenants_table: str = ""
    setters: tuple[str, ...] = ()
    application: str = ""
    called: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    settings_rows: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    overridden: tuple[str, ...] = ()
    names: set[str] = field(default_factory=set)
    modules: tuple[str, ...] = ()
    user: Model | None = None
    redis: bool = False
    settings: str = ""
    switched: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def has_token(self) -> bool:
        """Whether requests carry a token that the project itself issues."""
        return "Authorization" in self.headers


def find_setting(index: ProjectIndex) -> Setting | str:
    """The setting of a project, or why no test can be written for it."""
    models = [item for item in index.all_models() if index.models.is_tenant(item) and not is_away(item.path)]
    if not models:
        return f"no model here has the tenant column {index.policy.column}"
    found = Setting(_asynchronous(index), "")
    classes = [item for item in models if not item.is_table] or models
    found.metadata = f"{classes[0].name}.metadata"
    found.names.add(classes[0].qualified)
    found.modules = tuple(
        sorted({index.modules[item.path].module for item in index.all_models() if not is_away(item.path)})
    )
    targets = Counter(
        target
        for model in models
        for name, target in model.foreign_keys.items()
        if model.columns.get(name) == index.policy.column
    )
    found.tenants_table = targets.most_common(1)[0][0] if targets else ""
    found.setters = tuple(name for name in index.policy.context.setters if index.function(name) is not None)
    found.names.update(found.setters)
    found.maker = _maker(index)
    found.redis = any(
        target.split(".")[0] in ("redis", "aioredis", "valkey") for module in index.modules.values() if not is_away(module.path)
        for target in module.imports.values()
    )  # fmt: skip
    _application(index, found)
    if found.application:
        found.user = _user(index)
        _token(index, found)
        _api_keys(index, found)
        if not found.maker:
            found.overridden = _session_dependencies(index)
            found.names.update(found.overridden)
    _settings(index, found)
    found.settings, found.switched = switch_settings(index, found.application if found.called else "")
    if found.switched:
        found.names.add(found.settings)
    return found


def _asynchronous(index: ProjectIndex) -> bool:
    """Whether the project's sessions are asynchronous, by the parameters that take one."""
    count = 0
    for path, module in index.modules.items():
        if is_away(path):
            continue
        for function in module.functions.values():
            for parameter in function.params:
                if parameter.annotation is not None and is_session(parameter):
                    named = {
                        item.last for item in walk(parameter.annotation) if isinstance(item, Ref)
                    } & SESSIONS
                    count += 1 if any(name.lower().startswith("async") for name in named) else -1
    return count > 0


def _maker(index: ProjectIndex) -> str:
    found: list[tuple[bool, str]] = []
    for path, module in index.modules.items():
        if is_away(path):
            continue
        for name, value in module.top.variables.items():
            if isinstance(value, Call) and value.name in (*_MAKERS, "scoped_session", "async_scoped_session"):
                found.append((value.name not in _MAKERS, f"{module.module}.{name}"))
    return min(found)[1] if found else ""


def _application(index: ProjectIndex, found: Setting) -> None:
    candidates: list[tuple[int, str, bool]] = []
    for path, module in index.modules.items():
        if is_away(path):
            continue
        routed = sum(
            call.name in ("include_router", "add_middleware")
            for function in module.functions.values()
            for call in function.calls
        )
        for name, value in module.top.variables.items():
            if isinstance(value, Call) and value.name == "FastAPI":
                candidates.append((-routed, f"{module.module}.{name}", False))
        for function in module.functions.values():
            returned = any(
                isinstance(item, Call) and item.name == "FastAPI"
                for value in function.returns
                for item in walk(value)
            )
            named = any(
                isinstance(item, Ref) and item.last == "FastAPI"
                for item in ([function.result] if function.result else [])
            )
            given = [item for item in function.params if item.default is None and item.kind == "positional"]
            if (returned or named) and not given and not function.class_name and not function.is_async:
                candidates.append((-routed, f"{module.module}.{function.name}", True))
    if candidates:
        _, found.application, found.called = min(candidates)
    else:
        found.notes.append("no FastAPI application was found, so no route is tested")


def _user(index: ProjectIndex) -> Model | None:
    """The model that routes are given by their dependencies the most."""
    count: Counter[str] = Counter()
    inventor = Inventor(index)
    for route in index.routes():
        function = index.modules[route.function_path].functions[route.function]
        for parameter in function.params:
            if parameter.annotation is not None:
                model = index.models.find(inventor.type_of(function, parameter.annotation) or "?")
                if model is not None and not model.is_table:
                    count[model.qualified] += 1
    return index.models.find(count.most_common(1)[0][0]) if count else index.models.find("User")


def _token(index: ProjectIndex, found: Setting) -> None:
    """The function that issues the tokens of users, called for a user."""
    candidates: list[tuple[int, int, FunctionFacts]] = []
    for path, module in index.modules.items():
        if is_away(path):
            continue
        for function in module.functions.values():
            if function.class_name or not _issues(index, function):
                continue
            have = set(words(function.name))
            candidates.append(
                (
                    0
                    if "access" in have
                    else 2
                    if have & {"refresh", "reset", "verify", "verification"}
                    else 1,
                    len(candidates),
                    function,
                )
            )
    for _, _, function in sorted(candidates, key=lambda item: item[:2]):
        text = _token_call(index, found, function)
        if text:
            found.headers["Authorization"] = f'"Bearer " + {text}'
            found.names.add(index.qualified(function))
            if found.user is not None:
                found.names.add(found.user.qualified)
            return
    found.notes.append("no function that issues tokens could be called, so requests carry none")


def _issues(index: ProjectIndex, function: FunctionFacts) -> bool:
    for call in function.calls:
        if call.name == "encode" and index.callee_name(function.path, function, call).split(".")[0] in (
            "jwt",
            "jose",
            "authlib",
        ):
            return True
    return False


def _token_call(index: ProjectIndex, found: Setting, function: FunctionFacts) -> str:
    arguments = []
    user = found.user
    for parameter in function.params:
        if parameter.default is not None and parameter.name not in (
            index.policy.parameter,
            index.policy.column,
        ):
            continue
        if parameter.kind in ("*", "**"):
            continue
        kind = (
            index.types.annotated(function.path, function, parameter.annotation)
            if parameter.annotation is not None
            else ""
        )
        names = (
            {item.last for item in walk(parameter.annotation) if isinstance(item, Ref)}
            if parameter.annotation is not None
            else set()
        )
        if is_session(parameter):
            text = "db"
        elif parameter.name in (index.policy.parameter, index.policy.column):
            text = "tenant.id"
        elif user is None or len(user.primary) != 1:
            return ""
        elif kind == user.qualified:
            text = f"{'await ' if found.asynchronous else ''}owner.load(db, {user.name})"
        elif names & {"dict", "Dict", "Mapping"}:
            text = f'{{"sub": str(owner[{user.name}].{user.primary[0]}), "{index.policy.claim}": str(tenant.id)}}'
            text = (
                text.replace("str(tenant.id)", "tenant.id") if index.policy.parameter_type == "int" else text
            )
        elif parameter.name in user.columns:
            text = f"owner[{user.name}].{parameter.name}"
        elif words(parameter.name) in (
            [*words(user.name), "id"],
            ["user", "id"],
            ["id"],
            ["sub"],
            ["subject"],
            ["uuid"],
            ["user", "uuid"],
        ):
            text = f"owner[{user.name}].{user.primary[0]}"
            text = f"str({text})" if "str" in names else text
        else:
            return ""
        arguments.append(f"{parameter.name}={text}" if parameter.kind == "keyword" else text)
    return f"{'await ' if function.is_async else ''}{function.name}({', '.join(arguments)})"


def _api_keys(index: ProjectIndex, found: Setting) -> None:
    """Headers whose value is looked up in a tenant's table: the row is given the stored form of a key that we know."""
    for path, module in index.modules.items():
        schemes = {
            name: value for name, value in module.top.variables.items()
            if isinstance(value, Call) and value.name == "APIKeyHeader"
        }  # fmt: skip
        for function in module.functions.values() if not is_away(path) else ():
            for parameter in function.params:
                if not isinstance(parameter.default, Call):
                    continue
                header = _header_name(parameter.default, parameter.name, schemes)
                if not header or header in found.headers:
                    continue
                for item in origins(index, function, parameter.name):
                    if item.how == "equal" and index.models.is_tenant(item.model):
                        found.headers[header] = f"owner.given({item.model.name}).{item.column}"
                        found.names.add(item.model.qualified)
                        if len(item.wraps) == 1 and not item.wraps[0].startswith("."):
                            found.names.add(item.wraps[0])
                            found.rows.setdefault(item.model.table, {})[item.model.columns[item.column]] = (
                                item.wraps[0].rpartition(".")[2]
                            )
                        break


def _header_name(default: Call, name: str, schemes: Mapping[str, Value]) -> str:
    if default.name in ("Security", "Depends") and default.args and isinstance(default.args[0], Ref):
        made = schemes.get(default.args[0].dotted)
        given = made.argument(99, "name") if isinstance(made, Call) else None
        return given.value if isinstance(given, Const) and isinstance(given.value, str) else ""
    if default.name == "Header":
        alias = default.argument(99, "alias")
        return (
            alias.value
            if isinstance(alias, Const) and isinstance(alias.value, str)
            else name.replace("_", "-")
        )
    return ""


def _session_dependencies(index: ProjectIndex) -> tuple[str, ...]:
    found = set()
    for path, module in index.modules.items():
        for function in module.functions.values():
            if is_away(path) or function.class_name or function.result is None:
                continue
            gives = any(isinstance(item, Ref) and item.last in SESSIONS for item in walk(function.result))
            wraps = isinstance(function.result, Item)
            if (
                gives
                and wraps
                and not any(isinstance(item, Items) and len(item.items) > 3 for item in walk(function.result))
            ):
                found.add(f"{module.module}.{function.name}")
    return tuple(sorted(found))


def _settings(index: ProjectIndex, found: Setting) -> None:
    """One row for each per-tenant setting of the policy, in the table that its getter reads."""
    getter = index.function(index.policy.config_getter) if index.policy.config_getter else None
    if getter is None:
        return
    for parameter in getter.params:
        if (
            is_session(parameter)
            or parameter.name in (index.policy.parameter, index.policy.column)
            or parameter.default is not None
        ):
            continue
        for item in origins(index, getter, parameter.name):
            values = [name for name in item.model.columns if "value" in words(name)]
            if item.how != "equal" or not values:
                continue
            for setting in index.policy.settings:
                key, value = item.model.columns[item.column], item.model.columns[values[0]]
                row = {
                    key: setting.key,
                    value: f"{setting.key} of tenant {{number}}, long enough to sign with",
                }
                found.settings_rows.append((item.model.table, row))
            return

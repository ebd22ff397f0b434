"""Why a route may be right without a tenant: what its project does with all routes of that kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merge_tool.index.harmless import Harmless
from merge_tool.index.ties import tenants_tables
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.operators import is_staff
from merge_tool.rulekit.project import Route
from merge_tool.rulekit.tenants import knows_tenant, takes_tenant
from merge_tool.rulekit.values import Call

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

# Parts of paths that come before anybody is known, or that machines ask.
_BEFORE = frozenset(
    "login logout signin signup refresh refresh-token refresh_token register registration token oauth oauth2 oidc saml sso callback webhooks hooks hook callbacks forgot-password reset-password forgot_password reset_password webhook health healthz healthcheck livez readyz liveness readiness version auth authn password forgot mfa totp passkeys verify-email verify_email magic-link magic_link .well-known jwks jwks.json unsubscribe request-access waitlist plans pricing public challenge".split()  # noqa: SIM905
)
# Parts of paths that mean whoever is logged in, and what is theirs in every tenant.
_OWN = frozenset(
    "me self my mine whoami profile preferences password mfa totp avatar onboarding".split()  # noqa: SIM905
)
_PERSONS = frozenset(
    "user users principal account person member customer identity subject authenticated logged login auth".split()  # noqa: SIM905
)
_SECRETS = frozenset(("token", "secret", "signature", "nonce"))
_HARMLESS = "nothing that it calls reads or writes a tenant's table"
_FEW = 10  # routes from which on a share says something
_RARE = 0.2
_MOST = 0.4
_USUAL = 0.3


class Openings:
    """Judges open routes for one project and policy, by what the other routes do."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._reach = Harmless(index)
        self._routes = [item for item in index.routes(places=False) if item.method != "WEBSOCKET"]
        held = sum(item.has_tenant for item in self._routes)
        self._share = held / len(self._routes) if self._routes else 0.0
        self._before: dict[
            str, list[bool]
        ] = {}  # for each such part of a path, which of its routes have a tenant
        for item in self._routes:
            for part in _before_parts(item):
                self._before.setdefault(part, []).append(item.has_tenant)

    def why(self, route: Route) -> str:
        """What speaks for a route without a tenant, said for people; "" where nothing does."""
        routes = self._index.policy.routes
        if not routes.dependencies and len(self._routes) >= _FEW and self._share < _RARE:
            return "the policy names no tenant dependency, and nearly no route of this project has one: it gets its tenant in another way"
        staff = staff_word(route)
        if staff:
            return f"it stands behind {staff}, which looks like the platform's own staff"
        made = self._makes_tenant(route)
        if made:
            return f"it makes a new {made}, which nobody belongs to yet"
        before = self._comes_before(route)
        if before:
            return f"it comes before anybody is known, as most routes of this project with {before} in their path"
        secret = _secret_in(route)
        if secret:
            return f"who comes to it knows the {secret} in its path, which stands for what was given to nobody else"
        function = self._function(route)
        signed = _signed(function) if function is not None else ""
        if signed:
            return f"whoever comes to it shows a {signed}, as another system does that calls back"
        own = (
            _own_part(route)
            if function is not None and not knows_tenant(function, self._index.policy)
            else ""
        )
        if own:
            return f"it is about who is logged in, as {own} in its path says, and names no tenant"
        if (
            function is not None
            and not takes_tenant(function, self._index.policy)
            and self._reach.touches_nothing(function)
        ):
            return _HARMLESS
        if function is not None and self._share >= _USUAL and self._reads_nothing(route, function):
            return "nothing of what is seen that it calls comes to a tenant's table; what is not seen may"
        return ""

    def _makes_tenant(self, route: Route) -> str:
        """The model of the tenants' own table, where a route itself makes a row of it; else ""."""
        function = self._function(route)
        for call in function.calls if function is not None else ():
            if function is None or not call.name[:1].isupper():
                continue
            model = self._index.models.by_name.get(self._index.resolve(function.path, call.dotted, function))
            if model is not None and model.table in tenants_tables(self._index):
                return model.name
        return ""

    def _comes_before(self, route: Route) -> str:
        """The part of the path by which a route comes before anybody is known, as most with that part do; else ""."""
        if self._share < _USUAL or sum(map(len, self._before.values())) < 2:
            return ""
        return next(
            (
                part
                for part in _before_parts(route)
                if sum(self._before[part]) <= _MOST * len(self._before[part])
            ),
            "",
        )

    def _reads_nothing(self, route: Route, function: FunctionFacts) -> bool:
        """Whether a route that names no tenant is seen to come to no tenant's rows, and stands among others of its kind."""
        if knows_tenant(function, self._index.policy) or self._index.open_way(function, True):
            return False
        if any(_PERSONS.intersection(words(name)) for name in route.guards):
            return True
        beside = [item for item in self._routes if item.router == route.router and item is not route]
        return bool(beside) and not any(item.has_tenant for item in beside)

    def harmless(self, function: FunctionFacts) -> str:
        """Why a handler can come to no tenant's rows, said for people; "" where it may."""
        if self._reach.touches_nothing(function):
            return _HARMLESS
        if function.calls and self._reach.is_apart(function.path):
            return "neither its file nor what that imports knows a tenant's table, a database or Redis"
        return ""

    def _function(self, route: Route) -> FunctionFacts | None:
        module = self._index.modules.get(route.function_path)
        return module.functions.get(route.function) if module is not None else None


def staff_word(route: Route) -> str:
    """The dependency or the part of the path by which only the platform's own staff comes to a route; "" where there is none."""
    parts = [part for path in route.paths for part in path.split("/") if part and "{" not in part]
    return next((item for item in (*route.guards, *parts) if is_staff(item)), "")


def _secret_in(route: Route) -> str:
    """The parameter in all of a route's paths that is a secret: `token` of `/invites/{token}/accept`."""
    found = ""
    for path in route.paths:
        named = [part.strip("{}").partition(":")[0] for part in path.split("/") if part.startswith("{")]
        found = next((name for name in named if words(name)[-1:] and words(name)[-1] in _SECRETS), "")
        if not found:
            return ""
    return found


def _signed(function: FunctionFacts) -> str:
    """The header by which another system shows who it is: `stripe_signature`, of a route without anybody logged in."""
    for item in function.params:
        headed = isinstance(item.default, Call) and item.default.name == "Header"
        if headed and "signature" in words(item.name):
            return item.name
    return ""


def _own_part(route: Route) -> str:
    """The part of the path that means the person who is logged in, where a dependency says who that is; else ""."""
    if not any(_PERSONS.intersection(words(name)) for name in route.guards):
        return ""
    for path in route.paths:
        for part in path.split("/"):
            if "{" not in part and _OWN.intersection(words(part)):
                return part
    return ""


def _before_parts(route: Route) -> list[str]:
    parts = {part.lower() for path in route.paths for part in path.split("/")}
    return sorted(_BEFORE & parts)

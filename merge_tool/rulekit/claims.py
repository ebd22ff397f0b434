"""Whether the tokens of a project carry the tenant at all, where the policy was not told a claim of its own."""

from __future__ import annotations

from itertools import pairwise

from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Project
from merge_tool.rulekit.values import Const, Entry, walk

_LIBRARIES = ("jwt.", "jose.", "authlib.")
_DEFAULT = Policy().claim
_MAX_CALLERS = 1


# Tokens of one step, and those that others give out: they say for whom, or by whom, and nothing of a tenant.
_STEPS = frozenset(
    "email reset invite invitation magic state nonce otp mfa challenge unsubscribe confirmation verification activation csrf delegation pkce".split()  # noqa: SIM905
)
_OUTSIDE = frozenset(
    "oidc sso saml oauth oauth2 google apple github microsoft azure auth0 okta keycloak cognito jwks license licensing licence webhook provider id_token".split()  # noqa: SIM905
)
# One word for another in the names of claims: `org_id` for `organization_id`.
_SAME = (
    ("organization", "org", "organisation"),
    ("workspace", "ws"),
    ("tenant", "tid"),
    ("account", "acct"),
    ("company", "co"),
)


def one_step(function: FunctionFacts, *, read: bool = False) -> str:
    """The word by which a function makes, or reads, a token of one step or of somebody else's; "" where none says so."""
    said = words(function.qualname)
    if ("auth", "code") in pairwise(said) or ("authorization", "code") in pairwise(said):
        return "code"
    if read:
        said = [*said, *words(function.path.removesuffix(".py").rpartition("/")[2])]
    wanted = _STEPS | _OUTSIDE if read else _STEPS
    return next((word for word in said if word in wanted), "")


def _synonyms(claim: str) -> tuple[str, ...]:
    """The claim, and what it may be called besides: `org_id` and `org` for `organization_id`."""
    stem = claim.removesuffix("_id")
    group = next((items for items in _SAME if stem in items), (stem,))
    return tuple(dict.fromkeys((claim, *(f"{item}_id" for item in group), *group)))


def claim_names(index: Project, policy: Policy) -> tuple[str, ...]:
    """The claims that carry the tenant; empty where nobody said one and no token of the project is seen to have one.

    A policy that names its claim is believed. The generic policy's is a guess: many projects hold the tenant by the
    signed-in person's row, or by a session in the database, and their tokens lack it by design.
    """
    if policy.claim != _DEFAULT:
        return _synonyms(policy.claim)
    known = dict.fromkeys((policy.claim, policy.column, policy.parameter))
    return index.once("claims", lambda: tuple(name for name in known if _used(index, name)))


def _used(index: Project, claim: str) -> bool:
    for called in ("encode", "decode", "decode_complete"):
        for site in index.calls_named(called):
            function, call = site.function, site.call
            if not index.callee_name(site.path, function, call).startswith(_LIBRARIES):
                continue
            if called != "encode":
                if _read(index, function, claim, 0):
                    return True
                continue
            for value in call.args[:2]:
                for _, _, held in index.values_of(site.path, function, value):
                    if any(
                        isinstance(item, Entry) and isinstance(item.key, Const) and item.key.value == claim
                        for item in walk(held)
                    ):
                        return True
    return False


def _read(index: Project, function: FunctionFacts, claim: str, depth: int) -> bool:
    if claim in function.constants_read:
        return True
    if depth >= _MAX_CALLERS:
        return False
    module = index.modules[function.path].module
    return any(
        site.function is not function and _read(index, site.function, claim, depth + 1)
        for site in index.callers(f"{module}.{function.qualname}")
    )

"""A policy as YAML that a person reads: every guess with its evidence, what is missing as lines to fill in."""

from __future__ import annotations

import json
import re
from typing import Any

from merge_tool.adopt.evidence import Findings, Guess
from merge_tool.model.text import one_line

_PLAIN = re.compile(r"[A-Za-z_][\w.\[\]-]*")
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "none", "y", "n"))
_FILL = {
    "context.getters": "app.tenancy.get_current_tenant  # returns the tenant or None",
    "context.requirers": "app.tenancy.require_current_tenant  # returns the tenant or raises",
    "context.setters": "app.tenancy.set_current_tenant  # puts the tenant into the context",
    "context.session_factories": "app.database.tenant_session  # a session bound to one tenant (RLS)",
    "routes.dependencies": "app.dependencies.get_current_tenant  # what a route of a tenant depends on",
    "keys.builders": "app.cache.tenant_key  # puts the tenant into the Redis key it returns",
    "keys.prefixing_clients": "app.cache.TenantRedis  # a client class that adds the tenant itself",
    "tables.tenant": "table_name  # belongs to a tenant, although its model lacks the column",
    "tables.shared": "table_name  # belongs to no tenant",
    "tables.unheld": "table_name  # seldom held by the column; what is found on it is info",
}
_STRICT = {
    True: [
        "strict: true  # every finding counts as its rule gives it; false: only what the code itself shows"
    ],
    False: [
        "# Nobody has read this policy yet, so a finding is an error only where the code itself shows that a tenant was meant;",
        "# the rest is told as info. Say true when the tables, keys and routes below are right.",
        "strict: false",
    ],
}
_GROUPS = ("context", "routes", "keys", "tables")


def to_yaml(found: Findings, *, strict: bool = False) -> str:
    """The text of a policy file; `merge_tool.plan.policy.load_policy` reads it.

    Args:
        strict: whether its linters take what it guesses for certain. They should for what a merge brings in, where the rest of the
            project is the measure; not for a first look at a whole project that nobody has read through.
    """
    lines = _head(found)
    lines += ["extends: generic", f"name: {_name(found.name)}", *_STRICT[strict]]
    if not found.multi_tenant:
        return "\n".join([*lines, *_single(found), *_paths(found)]) + "\n"
    guesses = found.guesses
    for doubt in found.doubts:
        lines.append(f"# doubt: {_safe(doubt)}")
    for key, missing in (
        ("column", "tenant_id"),
        ("parameter", "tenant_id"),
        ("parameter_type", "int"),
        ("claim", "tenant_id"),
    ):
        lines += _scalar(key, guesses.get(key, Guess()), missing)
    for group in _GROUPS:
        lines += _group(group, guesses)
    lines += _settings(guesses.get("settings", Guess()))
    return "\n".join([*lines, *_paths(found)]) + "\n"


def _head(found: Findings) -> list[str]:
    unread = f", {found.unreadable} could not be read" if found.unreadable else ""
    return [
        "# A first tenancy policy, guessed from the code by `merge-tool policy infer`. Read it before you rely on it:",
        "# every guess has its evidence behind it; lines that are commented out wait for you.",
        f"# {found.files} files{unread}, {found.models} tables, {found.tenant_models} of them with the tenant column.",
    ]


def _single(found: Findings) -> list[str]:
    lines = [
        "# No tenant was found: this looks like a project of one tenant.",
        f"# {_safe(found.guesses['column'].why)}",
        "# column: tenant_id  # the column that you will add",
    ]
    lines += [f"# doubt: {_safe(doubt)}" for doubt in found.doubts]
    lines += [
        f"#   candidate {item.name}: {item.models} tables, {item.compared} comparisons"
        + (f", points at {item.targets[0]}" if item.targets else "")
        for item in found.candidates
    ]
    if found.owned:
        lines.append(f"# {len(found.owned)} tables hold what a person owns, and would become a tenant's:")
        lines += ["# tables:", f"#   tenant: [{', '.join(_value(item) for item in found.owned)}]"]
    return lines


def _scalar(key: str, guess: Guess, missing: str) -> list[str]:
    if not guess.value:
        return [f"# {key}: {missing}  # not found: {_safe(guess.why)}; fill in"]
    return [f"{key}: {_value(guess.value)}  # {_evidence(guess)}"]


def _group(group: str, guesses: dict[str, Guess]) -> list[str]:
    keys = [key for key in _FILL if key.startswith(f"{group}.")]
    any_found = any(guesses.get(key, Guess()).values for key in keys)
    lines = [f"{group}:" if any_found else f"# {group}:"]
    for key in keys:
        guess = guesses.get(key, Guess())
        short = key.partition(".")[2]
        if not guess.values:
            value, _, comment = _FILL[key].partition("  # ")
            lines.append(f"#   {short}: [{value}]  # {comment}; not found: {_safe(guess.why)}")
            continue
        lines.append(f"  {short}:  # {_evidence(guess)}")
        lines += [f"    - {_value(item)}" for item in guess.values]
    if group == "tables" and (left := guesses.get("tables.open")):
        lines.append(f"#   {_safe(left.why)} Move each to shared: or tenant:")
        lines += [f"#     - {_safe(item)}" for item in left.values]
    return lines


def _settings(guess: Guess) -> list[str]:
    """Never taken as found: whether a secret is one tenant's cannot be seen in code."""
    fields = [f"#   - {{field: {_safe(item)}, key: {_safe(item).lower()}}}" for item in guess.values]
    return [f"# settings:  # {_safe(guess.why)}", *fields]


def _paths(found: Findings) -> list[str]:
    lines = []
    for key in ("checked_paths", "unchecked_paths"):
        guess = found.guesses.get(key, Guess())
        if guess.values:
            listed = ", ".join(json.dumps(item) for item in guess.values)
            lines.append(f"{key}: [{listed}]  # {_evidence(guess)}")
        else:
            lines.append(f'# {key}: ["app/**/*.py"]  # {_safe(guess.why)}')
    return lines


def _evidence(guess: Guess) -> str:
    at = f"; {', '.join(guess.places)}" if guess.places else ""
    return _safe(f"{guess.confidence}: {guess.why}{at}")


def _safe(text: str) -> str:
    """Text that cannot leave its comment."""
    return one_line(text)


def _name(text: str) -> str:
    found = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return json.dumps(found or "project")


def _value(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)


def to_data(found: Findings) -> dict[str, Any]:
    """The same for scripts: `{"name", "multi_tenant", "files", "models", "guesses": {key: {values, confidence, why, places}}, …}`."""
    return {
        "name": found.name,
        "multi_tenant": found.multi_tenant,
        "files": found.files,
        "unreadable": found.unreadable,
        "models": found.models,
        "tenant_models": found.tenant_models,
        "guesses": {
            key: {
                "values": list(guess.values),
                "confidence": guess.confidence,
                "why": guess.why,
                "places": list(guess.places),
            }
            for key, guess in found.guesses.items()
        },
        "candidates": [
            {
                "column": item.name,
                "models": item.models,
                "compared": item.compared,
                "same": item.same,
                "targets": list(item.targets),
                "below": item.below,
                "score": item.score,
            }
            for item in found.candidates
        ],
        "doubts": list(found.doubts),
        "owned": list(found.owned),
    }

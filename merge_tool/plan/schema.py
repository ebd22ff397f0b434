"""The JSON Schemas (draft 2020-12) of plan and policy files, for editors and other programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import GenericAlias
from typing import Any, Literal

from merge_tool.model.policy import Policy
from merge_tool.plan.shapes import CHECK_TYPES, PlanShape

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{model}"


def plan_schema(action_types: Mapping[str, type], *, codemod_names: Iterable[str] = ()) -> dict[str, Any]:
    """The schema of a plan file.

    Args:
        action_types: for each action kind its dataclass, as for `load_plan`.
        codemod_names: the codemods there are, offered as completions; others stay allowed.
    """
    types: dict[str, type] = {"plan": PlanShape}
    types |= {f"action {kind}": shape for kind, shape in action_types.items()}
    types |= {f"check {kind}": shape for kind, shape in CHECK_TYPES.items()}
    parts, defs = _schemas(types)
    known = sorted(codemod_names)
    if known:
        _offer(defs, parts, known)
    defs["Action"] = _one_of(
        "One step of a story: its kind, and the kind's fields.", parts, defs, "action", action_types
    )
    defs["Check"] = _one_of("What proves a criterion.", parts, defs, "check", CHECK_TYPES)
    story, criterion = defs["StoryShape"]["properties"], defs["CriterionShape"]["properties"]
    story["actions"]["items"] = {"$ref": _REF.format(model="Action")}
    criterion["check"] = {"$ref": _REF.format(model="Check")}
    criterion["with_database"] = {
        **criterion["check"],
        "description": criterion["with_database"]["description"],
    }
    plan = defs.pop("PlanShape")
    return {
        "$schema": DRAFT,
        **plan,
        "title": "merge-tool plan (phases.yaml)",
        "$defs": dict(sorted(defs.items())),
    }


def policy_schema() -> dict[str, Any]:
    """The schema of a policy file. Every key may be left out; what `extends` names then gives the value."""
    _, defs = _schemas({"policy": Policy})
    policy = defs.pop("Policy")
    del policy["properties"]["source"]
    extends = {
        "type": "string",
        "description": "The policy whose values hold where this one says nothing: a name or a file.",
    }
    policy["properties"] = {"extends": extends, **policy["properties"]}
    return {
        "$schema": DRAFT,
        **policy,
        "title": "merge-tool tenancy policy",
        "$defs": dict(sorted(defs.items())),
    }


def _schemas(types: Mapping[str, type]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """For each name a reference to its type's schema, and the definitions."""
    from pydantic import ConfigDict, TypeAdapter

    config = ConfigDict(extra="forbid")
    kinds: dict[str, Any] = {name: GenericAlias(tuple, (shape,)) for name, shape in types.items()}
    adapters: list[tuple[str, Literal["validation"], TypeAdapter[Any]]] = [
        (name, "validation", TypeAdapter(kind, config=config)) for name, kind in kinds.items()
    ]
    found, whole = TypeAdapter.json_schemas(adapters, ref_template=_REF)
    parts = {str(name): schema["prefixItems"][0] for (name, _), schema in found.items()}
    defs: dict[str, Any] = whole["$defs"]
    for definition in defs.values():
        if definition.get("type") == "object" and "properties" in definition:
            definition["additionalProperties"] = False  # nested classes have no config of their own to say so
    return parts, defs


def _one_of(
    text: str,
    parts: Mapping[str, dict[str, Any]],
    defs: Mapping[str, Any],
    what: str,
    kinds: Mapping[str, type],
) -> dict[str, Any]:
    """A mapping with one key, its kind; or with the kind under `kind` beside its fields; or, without fields, the plain kind."""
    arms: list[dict[str, Any]] = []
    bare = []
    for kind in kinds:
        reference = parts[f"{what} {kind}"]
        fields = defs[reference["$ref"].rpartition("/")[2]]
        optional = not fields.get("required")
        body = {"anyOf": [reference, {"type": "null"}]} if optional else reference
        arms.append(
            {"type": "object", "properties": {kind: body}, "required": [kind], "additionalProperties": False}
        )
        beside = {"kind": {"const": kind}, **fields["properties"]}
        arms.append({**fields, "properties": beside, "required": ["kind", *fields.get("required", [])]})
        if optional:
            bare.append(kind)
    if bare:
        arms.append({"enum": bare})
    return {"description": text, "oneOf": arms}


def _offer(defs: dict[str, Any], parts: Mapping[str, dict[str, Any]], names: list[str]) -> None:
    """Offers codemod names where the codemod action's name stands."""
    reference = parts.get("action codemod", {}).get("$ref", "").rpartition("/")[2]
    if field := defs.get(reference, {}).get("properties", {}).get("name"):
        field["examples"] = names

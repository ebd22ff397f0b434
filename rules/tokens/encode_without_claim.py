"""A JWT that is made without the tenant's claim.

What it does
------------
Looks at the payload of every `jwt.encode(…)` of PyJWT, python-jose and Authlib, followed through variables, updates and the callers of
a helper that takes it as a parameter, and reports payloads without the claim.

Why is this bad?
----------------
A token without the tenant is good for all of them: whoever logs in at one bot is logged in at every other that shares the secret.

Example
-------
    payload = {"sub": str(user_id), "exp": expires}
    token = jwt.encode(payload, secret, algorithm="HS256")

Use instead
-----------
    payload = {"sub": str(user_id), "bot_id": bot_id, "exp": expires}
    token = jwt.encode(payload, secret, algorithm="HS256")

Not reported
------------
A claim that is added later (`payload["bot_id"] = …`, `payload.update(…)`) on every branch. A payload whose keys cannot be told is `info`; so is every
token of a project whose policy leaves `claim` at the generic `tenant_id`, and in which no token carries the tenant.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Choice,
    Const,
    Entry,
    Expected,
    Fork,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    Record,
    Ref,
    Rule,
    Valid,
    Value,
    claim_names,
    one_step,
)

LIBRARIES = (
    "jwt.encode",
    "jwt.api_jwt.encode",
    "jose.jwt.encode",
    "authlib.jose.jwt.encode",
    "jose.jwt.jwt.encode",
)
UNCLAIMED = 'this token is made without a claim for the tenant, such as "{}"'
WHY = "the policy names no claim of its own, and no token of this project is seen to carry the tenant"
_HAS, _UNKNOWN, _LACKS = 2, 1, 0


def _has(value: Value, claim: str, index: Project, path: str, function: FunctionFacts, depth: int = 0) -> int:
    """Whether a mapping surely has a key, surely lacks it, or neither can be told."""
    if depth > 6:
        return _UNKNOWN
    if isinstance(value, Record):
        return max(
            (_entry(item, claim, index, path, function, depth) for item in value.entries), default=_LACKS
        )
    if isinstance(value, Choice):
        return min(
            (_has(arm, claim, index, path, function, depth + 1) for arm in value.arms), default=_UNKNOWN
        )
    if isinstance(value, Call):
        if value.name in ("dict", "copy", "deepcopy") and value.args:
            return _has(value.args[0], claim, index, path, function, depth + 1)
        target = index.callee(path, function, value)
        if target is not None and target.name != "__init__":
            found = [_has(item, claim, index, target.path, target, depth + 1) for item in target.returns]
            return min(found, default=_UNKNOWN)
        model = (
            index.find_class(index.callee_name(path, function, value.receiver))
            if isinstance(value.receiver, Call)
            else None
        )
        if model is not None and value.name in ("model_dump", "dict", "asdict", "to_dict"):
            return _HAS if claim in model.fields or claim in model.attributes else _LACKS
    if isinstance(value, Ref) and function.parameter(value.dotted) is None:
        qualified = index.resolve(path, value.dotted, function)
        for module in index.modules.values():
            if qualified.startswith(f"{module.module}."):
                held = module.top.variables.get(qualified[len(module.module) + 1 :])
                if held is not None:
                    return _has(held, claim, index, module.path, module.top, depth + 1)
    return _UNKNOWN


def _entry(item: Value, claim: str, index: Project, path: str, function: FunctionFacts, depth: int) -> int:
    if isinstance(item, Fork):
        arms = [
            max((_entry(part, claim, index, path, function, depth) for part in arm), default=_LACKS)
            for arm in (item.then, item.orelse)
        ]
        return min(arms)
    if not isinstance(item, Entry):
        return _UNKNOWN
    if item.key is None:
        return _has(item.value, claim, index, path, function, depth + 1)
    if isinstance(item.key, Const):
        return _HAS if item.key.value == claim else _LACKS
    if isinstance(item.key, Ref):
        for _, _, value in index.values_of(path, function, item.key):
            if isinstance(value, Const):
                return _HAS if value.value == claim else _LACKS
    return _UNKNOWN


class EncodeWithoutClaim(Rule):
    """See the module."""

    code = "TT1"
    name = "encode-without-tenant-claim"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports payloads without the claim, at the call that is handed the payload."""
        for function in module.functions.values():
            for call in function.calls:
                if call.name != "encode" or index.callee_name(module.path, function, call) not in LIBRARIES:
                    continue
                authlib = index.callee_name(module.path, function, call).startswith("authlib")
                payload = call.argument(1 if authlib else 0, "payload", "claims")
                if payload is None:
                    continue
                for path, where, value in index.values_of(module.path, function, payload):
                    span = call.span
                    if where is not function:
                        passing = [
                            item
                            for item in where.calls
                            if any(arg is value for arg in (*item.args, *(part for _, part in item.kwargs)))
                        ]
                        span = passing[0].span if passing else call.span
                        path = where.path if passing else module.path
                    claims = claim_names(index, policy)
                    state = max(
                        _has(value, claim, index, where.path, where) for claim in claims or (policy.claim,)
                    )
                    if state == _LACKS and not claims:
                        yield self.found(
                            path, span, UNCLAIMED.format(policy.claim), severity=Severity.INFO, reason=[WHY]
                        )
                    elif state == _LACKS:
                        word = one_step(function) or one_step(where)
                        yield self.found(
                            path,
                            span,
                            f'this token is made without the claim "{policy.claim}"',
                            severity=Severity.INFO if word else None,
                            reason=[f"it is a token of one step, as {word} says"] if word else [],
                        )
                    elif state == _UNKNOWN:
                        message = f'cannot tell whether this token has the claim "{policy.claim}": its payload is built elsewhere'
                        yield self.found(path, span, message, severity=Severity.INFO)

    INVALID = (
        Invalid('import jwt\ndef make_reset_token(user_id):\n    return jwt.encode({"sub": user_id}, "s")\n', (Expected(3, 'without the claim "bot_id"', Severity.INFO),)),
        Invalid('import jwt\ndef make(user_id, secret):\n    payload = {"sub": user_id}\n    return jwt.encode(payload, secret)\n', (Expected(4, 'without the claim "bot_id"'),)),
        Invalid('from jose import jwt\ndef make(user_id, bot_id, secret):\n    payload = {"sub": user_id}\n    if bot_id:\n        payload["bot_id"] = bot_id\n    return jwt.encode(payload, secret)\n', (Expected(6, "without"),)),
        Invalid('import jwt\ndef sign(payload):\n    return jwt.encode(payload, "s")\ndef a(bot_id):\n    return sign({"bot_id": bot_id})\ndef b():\n    return sign({"sub": 1})\n', (Expected(7, "without"),)),
        # A project whose tokens carry no tenant, and whose policy was told of no claim.
        Invalid('import jwt\ndef make(user_id):\n    return jwt.encode({"sub": user_id}, "s")\n', (Expected(3, 'such as "tenant_id"', Severity.INFO),), policy={"claim": "tenant_id"}),
        Invalid('import jwt\ndef make(user_id):\n    return jwt.encode({"sub": user_id}, "s")\ndef user(token):\n    return jwt.decode(token, "s")["tenant_id"]\n', (Expected(3, 'without the claim "tenant_id"'),), policy={"claim": "tenant_id"}),
        Invalid('import jwt\ndef make(user_id):\n    return jwt.encode({"sub": user_id}, "s")\ndef other(user_id, bot_id):\n    return jwt.encode({"sub": user_id, "bot_id": bot_id}, "s")\n', (Expected(3, "without the claim"),), policy={"claim": "tenant_id"}),
        Invalid('import jwt\ndef sign(payload):\n    return jwt.encode(payload, "s")\n', (Expected(3, "cannot tell", Severity.INFO),)),
    )  # fmt: skip
    VALID = (
        Valid('import jwt\ndef make(user_id, bot_id, secret):\n    payload = {"sub": user_id, "bot_id": bot_id}\n    return jwt.encode(payload, secret)\n'),
        Valid('import jwt\ndef make(user_id, bot_id, secret):\n    payload = dict(sub=user_id)\n    payload.update(bot_id=bot_id)\n    return jwt.encode(payload, secret)\n'),
        Valid('import jwt\ndef base(bot_id):\n    return {"bot_id": bot_id}\ndef make(user_id, bot_id, secret):\n    return jwt.encode({**base(bot_id), "sub": user_id}, secret)\n'),
        Valid('def f(name):\n    return name.encode("utf-8")\n'),
    )  # fmt: skip

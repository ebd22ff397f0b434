"""A JWT whose tenant claim nobody checks.

What it does
------------
Finds every `jwt.decode(…)` of PyJWT, python-jose and Authlib, and looks in the same function and in its callers, some calls up,
for a read of the tenant's claim.

Why is this bad?
----------------
The claim protects only where it is compared: a token of one tenant is accepted at another as long as the signature holds.

Example
-------
    def current_user(token):
        return jwt.decode(token, secret, algorithms=["HS256"])["sub"]

Use instead
-----------
    def current_user(token, bot_id):
        payload = jwt.decode(token, secret, algorithms=["HS256"])
        if payload.get("bot_id") != bot_id:
            raise InvalidToken
        return payload["sub"]

Not reported
------------
A read of the claim by any caller; `options={"require": [...]}` alone is no check, since it does not compare. All tokens of a
project whose policy leaves `claim` at the generic `tenant_id`, and in which no token carries the tenant, are an `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Expected,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    Valid,
    claim_names,
    one_step,
)

LIBRARIES = (
    "jwt.decode",
    "jwt.api_jwt.decode",
    "jose.jwt.decode",
    "authlib.jose.jwt.decode",
    "jwt.decode_complete",
)
_MAX_CALLERS = 5


class UncheckedClaim(Rule):
    """See the module."""

    code = "TT2"
    name = "unchecked-tenant-claim"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports decodes whose payload is never asked for the claim."""
        for function in module.functions.values():
            for call in function.calls:
                if (
                    not call.name.startswith("decode")
                    or index.callee_name(module.path, function, call) not in LIBRARIES
                ):
                    continue
                looked: list[str] = []
                claims = claim_names(index, policy) or (policy.claim,)
                if not any(self._checked(index, function, claim, looked) for claim in claims):
                    if not claim_names(index, policy):
                        why = "the policy names no claim of its own, and no token of this project is seen to carry the tenant"
                        message = (
                            f'no claim for the tenant of this token is checked, such as "{policy.claim}"'
                        )
                        yield self.found(
                            module.path, call.span, message, severity=Severity.INFO, reason=[why]
                        )
                        continue
                    message = f'the claim "{policy.claim}" of this token is never checked'
                    word = one_step(function, read=True)
                    told = (
                        [f"it is a token of one step, or of somebody else's, as {word} says"] if word else []
                    )
                    yield self.found(
                        module.path,
                        call.span,
                        message,
                        severity=Severity.INFO if word else None,
                        reason=[*told, f"looked for it in {', '.join(looked)}"],
                    )

    def _checked(self, index: Project, start: FunctionFacts, claim: str, looked: list[str]) -> bool:
        level = [start]
        seen = {id(start)}
        for _ in range(_MAX_CALLERS):
            following: list[FunctionFacts] = []
            for function in level:
                looked.append(f"{function.qualname}()")
                if claim in function.constants_read or self._by_model(index, function, claim):
                    return True
                module = index.modules[function.path]
                for site in index.callers(f"{module.module}.{function.qualname}"):
                    if id(site.function) not in seen:
                        seen.add(id(site.function))
                        following.append(site.function)
            level = following
        return False

    def _by_model(self, index: Project, function: FunctionFacts, claim: str) -> bool:
        """`TokenData(**payload).bot_id`: the payload goes into a class of the project with that field, and the field is read."""
        if claim not in function.attributes_read:
            return False
        for call in function.calls:
            name = index.callee_name(function.path, function, call)
            model = index.find_class(name) or index.find_class(name.rpartition(".")[0])
            if model is not None and claim in model.fields:
                return True
        return False

    INVALID = (
        Invalid('import jwt\ndef read_oidc(token):\n    return jwt.decode(token, "s", algorithms=["RS256"])["sub"]\n', (Expected(3, 'never checked', Severity.INFO),)),
        Invalid('import jwt\ndef user(token):\n    return jwt.decode(token, "s", algorithms=["HS256"])["sub"]\n', (Expected(3, 'the claim "bot_id" of this token is never checked'),)),
        Invalid('import jwt\ndef decode(token):\n    return jwt.decode(token, "s", algorithms=["HS256"])\ndef user(token):\n    return decode(token)["sub"]\n', (Expected(3, "never checked"),)),
        Invalid('import jwt\ndef user(token):\n    return jwt.decode(token, "s", algorithms=["HS256"])["sub"]\n', (Expected(3, 'such as "tenant_id"', Severity.INFO),), policy={"claim": "tenant_id"}),
        Invalid('import jwt\ndef make(bot_id):\n    return jwt.encode({"bot_id": bot_id}, "s")\ndef user(token):\n    return jwt.decode(token, "s", algorithms=["HS256"])["sub"]\n', (Expected(5, "never checked"),), policy={"claim": "tenant_id"}),
    )  # fmt: skip
    VALID = (
        Valid('import jwt\ndef user(token, bot_id):\n    payload = jwt.decode(token, "s", algorithms=["HS256"])\n    if payload.get("bot_id") != bot_id:\n        raise ValueError\n    return payload["sub"]\n'),
        Valid('import jwt\ndef decode(token):\n    return jwt.decode(token, "s", algorithms=["HS256"])\ndef user(token, bot_id):\n    payload = decode(token)\n    if payload["bot_id"] != bot_id:\n        raise ValueError\n'),
        Valid('import jwt\nfrom pydantic import BaseModel\nclass Token(BaseModel):\n    sub: str\n    bot_id: int\ndef user(token, bot_id):\n    data = Token(**jwt.decode(token, "s", algorithms=["HS256"]))\n    assert data.bot_id == bot_id\n'),
        Valid('def f(data):\n    return data.decode("utf-8")\n'),
    )  # fmt: skip

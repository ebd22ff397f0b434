"""A JWT whose signature is not verified.

What it does
------------
Finds decodes of PyJWT and python-jose that switch the check of the signature off (`options={"verify_signature": False}`, `verify=False`),
`get_unverified_claims`, and lists of algorithms that hold `none`.

Why is this bad?
----------------
Anybody can write a token that names another tenant. The claim is worth as much as the signature over it (RFC 8725, section 2.1 and 3.1).

Example
-------
    payload = jwt.decode(token, options={"verify_signature": False})

Use instead
-----------
    payload = jwt.decode(token, secret, algorithms=["HS256"])

Not reported
------------
`get_unverified_header`: the key's id must be read before the key is known. A token that the same function also decodes with its signature; then reading the
unverified claims first, to find the tenant's key, is the usual way.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Const,
    Entry,
    Expected,
    FunctionFacts,
    Invalid,
    Items,
    ModuleFacts,
    Project,
    Record,
    Rule,
    Valid,
    Value,
)

_DECODE = frozenset(
    ("jwt.decode", "jwt.decode_complete", "jwt.api_jwt.decode", "jose.jwt.decode", "jwt.PyJWT.decode")
)
_UNVERIFIED = frozenset(("jose.jwt.get_unverified_claims", "jose.jws.get_unverified_claims"))


def _false(value: Value | None) -> bool:
    return isinstance(value, Const) and value.value is False


class UnverifiedSignature(Rule):
    """See the module."""

    code = "TT3"
    name = "unverified-token-signature"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports decodes that take any signature, where the function does not verify the token as well."""
        for function in module.functions.values():
            decodes = [
                (call, self._fault(module, index, function, call))
                for call in function.calls
                if call.name in ("decode", "decode_complete", "get_unverified_claims")
                and index.callee_name(module.path, function, call) in _DECODE | _UNVERIFIED
            ]
            if any(not fault for _, fault in decodes):
                continue
            for call, fault in decodes:
                yield self.found(
                    module.path, call.span, f"{fault}: whoever writes a token chooses its {policy.claim}"
                )

    def _fault(self, module: ModuleFacts, index: Project, function: FunctionFacts, call: Call) -> str:
        """How the check is switched off; "" where it is not."""
        name = index.callee_name(module.path, function, call)
        if name in _UNVERIFIED:
            return "get_unverified_claims() verifies no signature"
        if _false(call.argument(10_000, "verify")) or (
            name.startswith("jwt.") and len(call.args) > 2 and _false(call.args[2])
        ):
            return "verify=False: the signature is not verified"
        options = call.argument(10_000, "options")
        for _, _, value in index.values_of(module.path, function, options) if options is not None else ():
            for entry in value.entries if isinstance(value, Record) else ():
                if (
                    isinstance(entry, Entry)
                    and isinstance(entry.key, Const)
                    and entry.key.value in ("verify_signature", "verify")
                    and _false(entry.value)
                ):
                    return f"{entry.key.value}: False: the signature is not verified"
        algorithms = call.argument(2, "algorithms", "algorithm")
        for item in algorithms.items if isinstance(algorithms, Items) else (algorithms,):
            if isinstance(item, Const) and isinstance(item.value, str) and item.value.lower() == "none":
                return 'the algorithm "none" has no signature'
        return ""

    INVALID = (
        Invalid('import jwt\ndef f(token):\n    return jwt.decode(token, options={"verify_signature": False})\n', (Expected(3, "verify_signature: False: the signature is not verified: whoever writes a token chooses its bot_id"),)),
        Invalid('import jwt\nOPTIONS = {"verify_signature": False}\ndef f(token, secret):\n    options = {"verify_signature": False, "verify_exp": True}\n    return jwt.decode(token, secret, options=options)\n', (Expected(5, "verify_signature"),)),
        Invalid("import jwt\ndef f(token):\n    return jwt.decode(token, verify=False)\n", (Expected(3, "verify=False"),)),
        Invalid("from jose import jwt\ndef f(token):\n    return jwt.get_unverified_claims(token)\n", (Expected(3, "get_unverified_claims()"),)),
        Invalid('import jwt\ndef f(token):\n    return jwt.decode(token, "", algorithms=["HS256", "none"])\n', (Expected(3, 'algorithm "none"'),)),
    )  # fmt: skip
    VALID = (
        Valid('import jwt\ndef f(token, secret):\n    return jwt.decode(token, secret, algorithms=["HS256"])\n'),
        Valid('import jwt\ndef f(token, secret):\n    return jwt.decode(token, secret, algorithms=["HS256"], options={"verify_aud": False})\n'),
        Valid("from jose import jwt\ndef f(token):\n    return jwt.get_unverified_header(token)\n"),
        Valid('from jose import jwt\ndef f(token, keys):\n    tenant = jwt.get_unverified_claims(token)["bot_id"]\n    return jwt.decode(token, keys[tenant], algorithms=["RS256"])\n'),
        Valid("import base64\ndef f(data):\n    return base64.b64decode(data, None)\n"),
    )  # fmt: skip

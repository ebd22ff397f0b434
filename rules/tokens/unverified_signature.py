"""A token that is taken without its signature being verified.

What it does
------------
Finds `verify_signature: False`, `verify=False`, the algorithm `none` and `get_unverified_claims` in calls of PyJWT, python-jose,
Authlib and joserfc, with options that lie in variables followed.

Why is this bad?
----------------
Anybody can write such a token, with any tenant in its claim.

Example
-------
    payload = jwt.decode(token, options={"verify_signature": False})

Use instead
-----------
    payload = jwt.decode(token, secret, algorithms=["HS256"])

Not reported
------------
A look at the unverified claims to choose the key with which the same function, or every caller, then verifies the token;
a token that was carried inside another one which the function verified; `get_unverified_header`. Options that are known only at run time are `info`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Choice,
    Const,
    Entry,
    Expected,
    FunctionFacts,
    Invalid,
    Item,
    Items,
    ModuleFacts,
    Project,
    Record,
    Rule,
    Valid,
    Value,
    last_part,
    module_value,
    name_of,
    walk,
    words,
)

_PACKAGES = ("jwt", "jose", "authlib", "joserfc")
_DECODES = frozenset(("decode", "decode_complete", "encode", "JsonWebToken", "verify"))
_UNVERIFIED = frozenset(("get_unverified_claims", "get_unverified_payload"))
_BASE64 = frozenset(("urlsafe_b64decode", "b64decode", "base64url_decode"))
_SEEN = _DECODES | _UNVERIFIED | _BASE64


def _is_none(value: Value) -> bool:
    if isinstance(value, Items):
        return any(_is_none(item) for item in value.items)
    return isinstance(value, Const) and isinstance(value.value, str) and value.value.lower() == "none"


class UnverifiedSignature(Rule):
    """See the module."""

    code = "TT3"
    name = "unverified-signature"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports calls that take a token as it comes."""
        renamed = _renamed(module.imports)
        for function in module.functions.values():
            here = renamed | _renamed(function.imports) if function.imports else renamed
            for call in function.calls:
                if call.name not in _SEEN and call.dotted not in here:
                    continue
                told = self._told(module.path, function, call, index)
                if told is None:
                    continue
                why, severity = told
                if (
                    severity is Severity.ERROR
                    and "none" not in why
                    and (
                        self._verified_after(index, function, call)
                        or self._out_of_verified(index, function, call)
                    )
                ):
                    continue
                yield self.found(module.path, call.span, why, severity=severity)

    def _told(
        self, path: str, function: FunctionFacts, call: Call, index: Project
    ) -> tuple[str, Severity] | None:
        """What is wrong with a call, or None."""
        # A token of the project's own make is verified by its own means.
        if _reads_payload(call) and not any(
            item.name in ("compare_digest", "verify") for item in function.calls
        ):
            return f"{call.name}() reads a token's claims past its signature", Severity.ERROR
        renamed = index.modules[path].imports.get(call.dotted, "") or function.imports.get(call.dotted, "")
        if not {call.name, last_part(renamed)} & (_DECODES | _UNVERIFIED):
            return None
        name = index.callee_name(path, function, call)
        if name.partition(".")[0] not in _PACKAGES or index.function(name) is not None:
            return None
        if last_part(name) in _UNVERIFIED:
            return f"{call.name}() gives claims whose signature nobody verified", Severity.ERROR
        for key, value in call.kwargs:
            value = module_value(index, path, function, value)
            if key in ("algorithms", "algorithm") and _is_none(value):
                return 'the algorithm "none" takes tokens without a signature', Severity.ERROR
            if key == "verify" and isinstance(value, Const) and not value.value:
                return "the token's signature is not verified: verify=False", Severity.ERROR
            if key == "options":
                return self._options(index, path, function, value)
        algorithm = (
            call.args[2]
            if len(call.args) > 2
            else call.args[0]
            if last_part(name) == "JsonWebToken" and call.args
            else None
        )
        if algorithm is not None and _is_none(module_value(index, path, function, algorithm)):
            return 'the algorithm "none" takes tokens without a signature', Severity.ERROR
        options = call.args[3] if len(call.args) > 3 and name.startswith(("jwt.", "jose.")) else None
        return (
            self._options(index, path, function, module_value(index, path, function, options))
            if options
            else None
        )

    def _options(
        self, index: Project, path: str, function: FunctionFacts, value: Value
    ) -> tuple[str, Severity] | None:
        if isinstance(value, Choice):
            told = [
                self._options(index, path, function, module_value(index, path, function, arm))
                for arm in value.arms
            ]
            return next((item for item in told if item is not None), None)
        if not isinstance(value, Record):
            return None
        result: tuple[str, Severity] | None = None
        for item in value.entries:
            if (
                not isinstance(item, Entry)
                or not isinstance(item.key, Const)
                or item.key.value != "verify_signature"
            ):
                continue
            held = module_value(index, path, function, item.value)
            if isinstance(held, Const):
                wrong = "the token's signature is not verified: verify_signature is False"
                result = None if held.value else (wrong, Severity.ERROR)
            else:
                result = (
                    "cannot tell whether the token's signature is verified: verify_signature is set at run time",
                    Severity.INFO,
                )
        return result

    def _out_of_verified(self, index: Project, function: FunctionFacts, call: Call) -> bool:
        """Whether the token was carried by another one whose signature was verified."""
        return any(
            isinstance(item, Call)
            and item.name in ("decode", "decode_complete")
            and index.callee_name(function.path, function, item).partition(".")[0] in _PACKAGES
            and self._told(function.path, function, item, index) is None
            for arg in call.args[:1]
            for item in walk(arg)
        )

    def _verified_after(self, index: Project, function: FunctionFacts, call: Call) -> bool:
        """Whether the token is verified later in the function, or in all that call it."""
        if self._verifies(index, function, call):
            return True
        sites = index.callers(f"{index.modules[function.path].module}.{function.qualname}")
        return bool(sites) and all(self._verifies(index, site.function, None) for site in sites)

    def _verifies(self, index: Project, function: FunctionFacts, after: Call | None) -> bool:
        seen = after is None
        for item in function.calls:
            if item is after:
                seen = True
            elif seen and item.name in ("decode", "decode_complete"):
                name = index.callee_name(function.path, function, item)
                told = self._told(function.path, function, item, index)
                if name.partition(".")[0] in _PACKAGES and told is None:
                    return True
        return False

    INVALID = (
        Invalid('import jwt\ndef user(token, other, key):\n    outer = jwt.decode(token, key, algorithms=["HS256"])\n    return jwt.decode(other["access_token"], options={"verify_signature": False})\n', (Expected(4, "verify_signature is False"),)),
        Invalid('import jwt\ndef user(token):\n    return jwt.decode(token, options={"verify_signature": False})\n', (Expected(3, "verify_signature is False"),)),
        Invalid('import jwt\nOPTIONS = {"verify_signature": False, "verify_exp": True}\ndef user(token):\n    return jwt.decode(token, "s", ["HS256"], OPTIONS)\n', (Expected(4, "verify_signature is False"),)),
        Invalid('from jwt import decode as read\ndef user(token):\n    options = {}\n    options["verify_signature"] = False\n    return read(token, options=options)\n', (Expected(5, "verify_signature is False"),)),
        Invalid('from jose import jwt\ndef user(token):\n    return jwt.get_unverified_claims(token)["sub"]\n', (Expected(3, "get_unverified_claims()"),)),
        Invalid('import jwt\ndef user(token):\n    return jwt.decode(token, "s", verify=False)\n', (Expected(3, "verify=False"),)),
        Invalid('import jwt\ndef user(token):\n    return jwt.decode(token, "s", algorithms=["HS256", "none"])\n', (Expected(3, '"none"'),)),
        Invalid('import jwt\nALGORITHM = "none"\ndef make(payload):\n    return jwt.encode(payload, None, algorithm=ALGORITHM)\n', (Expected(4, '"none"'),)),
        Invalid('from authlib.jose import JsonWebToken\njwt = JsonWebToken(["none"])\n', (Expected(2, '"none"'),)),
        Invalid('import jwt\nfrom app.config import settings\ndef user(token):\n    return jwt.decode(token, "s", options={"verify_signature": settings.VERIFY})\n', (Expected(4, "cannot tell", Severity.INFO),)),
        Invalid('import jwt\ndef user(token):\n    jwt.decode(token, "s", algorithms=["HS256"])\n    return jwt.decode(token, options={"verify_signature": False})\n', (Expected(4, "verify_signature is False"),)),
        Invalid('import base64, json\ndef user(token):\n    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["bot_id"]\n', (Expected(3, "past its signature"),)),
    )  # fmt: skip
    VALID = (
        Valid('import jwt\ndef user(token, key):\n    outer = jwt.decode(token, key, algorithms=["HS256"])\n    return jwt.decode(outer["access_token"], options={"verify_signature": False})\n'),
        Valid('import base64, json, jwt\ndef user(token):\n    kid = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]\n    return jwt.decode(token, find(kid), algorithms=["RS256"])\n'),
        Valid('import base64, hmac\ndef user(token):\n    parts = token.split(".")\n    if not hmac.compare_digest(sign(parts[0]), parts[2]):\n        raise ValueError\n    return base64.urlsafe_b64decode(parts[1])\n'),
        Valid('import base64\ndef cursor(text):\n    return base64.urlsafe_b64decode(text.split(":")[1])\n'),
        Valid('import base64\ndef image(data):\n    return base64.b64decode(data.split(",")[1])\n'),
        Valid('import jwt\ndef user(token):\n    return jwt.decode(token, "s", algorithms=["HS256"])\n'),
        Valid('import jwt\ndef user(token):\n    return jwt.decode(token, "s", algorithms=["HS256"], options={"verify_signature": True, "verify_aud": False})\n'),
        Valid('import jwt\ndef user(token):\n    claims = jwt.decode(token, options={"verify_signature": False})\n    secret = find(claims["bot_id"])\n    return jwt.decode(token, secret, algorithms=["HS256"])\n'),
        Valid('import jwt\ndef peek(token):\n    return jwt.decode(token, options={"verify_signature": False})["bot_id"]\ndef user(token):\n    return jwt.decode(token, find(peek(token)), algorithms=["HS256"])\n'),
        Valid('from jose import jwt\ndef kid(token):\n    return jwt.get_unverified_header(token)["kid"]\n'),
        Valid('def f(codec, data):\n    return codec.decode(data, verify=False)\n'),
    )  # fmt: skip


def _renamed(imports: Mapping[str, str]) -> frozenset[str]:
    """The names that imports give to a call that takes tokens."""
    return frozenset(name for name, target in imports.items() if last_part(target) in _SEEN)


def _reads_payload(call: Call) -> bool:
    """Whether a call decodes the middle part of a token: `urlsafe_b64decode(token.split(".")[1])`."""
    if call.name not in _BASE64 or not call.args:
        return False
    for item in walk(call.args[0]):
        if isinstance(item, Item) and isinstance(item.key, Const) and item.key.value == 1:
            base = item.base
            if isinstance(base, Call) and base.name == "split" and _names_token(base):
                return True
    return False


def _names_token(call: Call) -> bool:
    dot = call.args[0] if call.args else None
    return (
        isinstance(dot, Const)
        and dot.value == "."
        and bool({"token", "jwt", "bearer", "credentials"}.intersection(words(name_of(call.receiver))))
    )

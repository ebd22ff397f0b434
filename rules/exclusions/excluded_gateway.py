"""An excluded payment gateway that is imported.

What it does
------------
Reports imports, also dynamic ones, of modules and names of the policy's `excluded_gateways`.

Why is this bad?
----------------
The gateway was left out on purpose, with its tables, routes and settings. What imports it either fails when it is reached, or brings it in
by the back door.

Example
-------
    from app.services.platega_service import PlategaService

Use instead
-----------
    # nothing: take the registration and the menu entry out as well

Not reported
------------
Names that only contain the gateway's letters: `replategate` is no `platega`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Const, Expected, Invalid, ModuleFacts, Project, Rule, Valid, names_word


class ExcludedGateway(Rule):
    """See the module."""

    code = "TX1"
    name = "excluded-gateway"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports imports whose path or name holds the word of an excluded gateway."""
        if not policy.excluded_gateways:
            return
        for item in module.import_sites:
            gateway = self._gateway(item.target, policy)
            if gateway:
                yield self.found(
                    module.path, item.span, f"{item.target} belongs to the excluded gateway {gateway}"
                )
        for function in module.functions.values():
            for call in function.calls:
                if call.name not in ("import_module", "__import__") or not call.args:
                    continue
                first = call.args[0]
                target = first.value if isinstance(first, Const) and isinstance(first.value, str) else ""
                gateway = self._gateway(target, policy)
                if gateway:
                    yield self.found(
                        module.path, call.span, f"{target} belongs to the excluded gateway {gateway}"
                    )

    def _gateway(self, target: str, policy: Policy) -> str:
        letters = target.lower().replace("_", "")
        for word in policy.excluded_gateways:
            # Most imports do not even hold the letters; only the others are taken apart into words.
            if word.lower().replace("_", "") in letters and any(
                names_word(part, word) for part in target.split(".")
            ):
                return word
        return ""

    INVALID = (
        Invalid("from app.services.platega_service import PlategaService\n", (Expected(1, "app.services.platega_service.PlategaService belongs to the excluded gateway platega"),)),
        Invalid("def f():\n    import app.platega\n", (Expected(2, "app.platega"),)),
        Invalid("from app.services import Basket, PlategaService as S\n", (Expected(1, "PlategaService"),)),
        Invalid('import importlib\nimportlib.import_module("app.external.platega")\n', (Expected(2, "app.external.platega"),)),
    )  # fmt: skip
    VALID = (
        Valid("from app.services import replategate\n"),
        Valid("import app.stars\n"),
        Valid("from app.services.platega_service import PlategaService\n", policy={"excluded_gateways": ()}),
    )

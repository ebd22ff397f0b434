"""Which codemod mends which rule's findings. It imports no codemod, so that asking costs nothing."""

from __future__ import annotations

from dataclasses import dataclass

_STATEMENTS = ("TQ1", "TQ2", "TQ3", "TQ4", "TQ5")


@dataclass(frozen=True, slots=True)
class Mend:
    """One way to mend.

    Attributes:
        codemod: the codemod.
        codes: the rules whose findings it may mend.
        safe: whether nothing but the leak changes for who uses the code rightly. What changes the parameters of
            functions that others call, or makes tokens and Redis keys invalid that are there already, is not safe.
        silent: why a codemod that says nothing of a site leaves it.
    """

    codemod: str
    codes: tuple[str, ...]
    safe: bool
    silent: str


# In this order: a route that got the tenant has it at hand for its statements.
MENDS = (
    Mend("add-route-dependency", ("TF1",), True, "it knows no route here"),
    Mend("filter-query", _STATEMENTS, True, "no tenant is at hand here, or it does not read this statement"),
    Mend("thread-tenant", _STATEMENTS, False, "its function has the tenant, or cannot be given it"),
    Mend("prefix-keys", ("TK1", "TK3", "TK4"), False, "it does not see where this key is made"),
    Mend("tenant-jwt", ("TT1", "TT2"), False, "it sees no token here"),
    Mend("tenant-uniques", ("TM4",), False, "it does not see this key written out"),
)
MENDABLE = frozenset(code for mend in MENDS for code in mend.codes)


def mends_of(code: str) -> tuple[Mend, ...]:
    """The ways to mend a rule's findings, in the order in which they are tried."""
    return tuple(mend for mend in MENDS if code in mend.codes)


def mended_by(code: str) -> str:
    """The same as a sentence; "" where no codemod is for the rule."""
    safe = " and ".join(mend.codemod for mend in mends_of(code) if mend.safe)
    unsafe = " and ".join(mend.codemod for mend in mends_of(code) if not mend.safe)
    parts = [f"`validate --fix` tries {safe}"] if safe else []
    parts += [f"`validate --fix --unsafe-fixes` tries {unsafe}{' too' if safe else ''}"] if unsafe else []
    return "; ".join(parts) + "." if parts else ""

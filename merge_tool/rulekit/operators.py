"""The words by which a project names those who run it for all of its tenants; one list for all rules."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from merge_tool.rulekit.matchers import words

_STAFF = frozenset(
    "superuser superusers superadmin superadmins sysadmin sysadmins staff backoffice".split()  # noqa: SIM905
)
_PAIRS = frozenset(
    [
        ("super", "admin"),
        ("super", "user"),
        ("system", "admin"),
        ("global", "admin"),
        ("instance", "admin"),
        ("site", "admin"),
        ("back", "office"),
        ("master", "admin"),
        ("root", "admin"),
        *(
            ("platform", who)
            for who in "admin admins operator operators actor owner scope staff team manager role roles".split()  # noqa: SIM905
        ),
    ]
)
# An operator may be a sign of arithmetic, or of a filter; who must be one, or is the current one, is a person.
_OPERATORS = frozenset(("operator", "operators"))
_ASKED = frozenset(
    "require required requires current verify check ensure assert is only must get actor".split()  # noqa: SIM905
)


@lru_cache(maxsize=8192)
def is_staff(name: str) -> bool:
    """Whether a name speaks of people who run the platform, above all tenants; an admin may be a tenant's own."""
    have = words(name)
    if _STAFF.intersection(have) or any(pair in _PAIRS for pair in pairwise(have)):
        return True
    return bool(_OPERATORS.intersection(have)) and (len(have) == 1 or bool(_ASKED.intersection(have)))

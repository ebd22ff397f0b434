"""State URLs: which store one names, and how it is shown without its password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from merge_tool.errors import StateError

_SQLITE = re.compile(r"^sqlite(\+pysqlite)?://(?P<rest>.*)$", re.DOTALL)
_POSTGRES = re.compile(r"^(postgres|postgresql|postgresql\+psycopg)://", re.IGNORECASE)
_SECRET = re.compile(r"(?P<key>[^?&=]*(?:pass|secret|token)[^?&=]*)=[^&]*", re.IGNORECASE)
_FORMS = "sqlite:////absolute/path/state.db or postgresql://user:password@host/database"


@dataclass(frozen=True, slots=True)
class StateUrl:
    """Where a store is.

    Attributes:
        path: the SQLite file; None for PostgreSQL.
        url: the URL for SQLAlchemy, with its driver; the password stands in it.
        shown: the same for messages, without the password.
    """

    path: Path | None
    url: str
    shown: str

    def scrubbed(self, text: str) -> str:
        """`text` (a driver's message) without this URL or its password."""
        text = text.replace(self.url, self.shown)
        for secret in secrets_of(self.url):
            text = text.replace(secret, "***")
        return text


def parse_url(url: str) -> StateUrl:
    """Reads a `--state-url`.

    Args:
        url: `sqlite:///FILE`, where FILE is taken as it stands (no query, no %-escapes), or `postgresql://…`.

    Raises:
        StateError: it is neither.
    """
    if match := _SQLITE.match(url):
        rest = match["rest"]
        if not rest.startswith("/") or rest == "/" or rest.startswith("/:memory:"):
            raise StateError(f"the state URL {url} names no file", hint=f"such as {_FORMS}")
        path = Path(rest[1:]).absolute()
        return StateUrl(path, f"sqlite:///{path}", str(path))
    if match := _POSTGRES.match(url):
        full = f"postgresql+psycopg://{url[match.end() :]}"
        return StateUrl(None, full, masked(full.replace("+psycopg", "", 1)))
    if url.lower().startswith("postgresql+"):
        raise StateError(
            f"the state URL {masked(url)} asks for a driver that is not used here",
            hint="write postgresql:// (psycopg 3 is used)",
        )
    raise StateError(
        f"the state URL {masked(url)} is neither SQLite nor PostgreSQL", hint=f"such as {_FORMS}"
    )


def masked(url: str) -> str:
    """A URL with `***` for its password, also where it stands in the query."""
    head, mark, rest = url.partition("://")
    if not mark:
        return url
    user, at, host = rest.rpartition("@")  # the last one: a raw password may hold @, / or ?
    if at and ":" in user:
        rest = f"{user.partition(':')[0]}:***@{host}"
    base, question, query = rest.partition("?")
    return f"{head}://{base}{question}" + _SECRET.sub(r"\g<key>=***", query)


def secrets_of(url: str) -> list[str]:
    """The secrets in a URL, as they stand there and decoded; longest first, and none so short that it is in every text."""
    from urllib.parse import unquote

    rest = url.partition("://")[2]
    query = rest.rpartition("@")[2].partition("?")[2]
    found = [rest.rpartition("@")[0].partition(":")[2]]
    found += [match[0].partition("=")[2] for match in _SECRET.finditer(query)]
    every = {form for item in found for form in (item, unquote(item)) if len(form) > 2}
    return sorted(every, key=len, reverse=True)

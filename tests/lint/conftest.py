"""What tests of the linters share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from merge_tool.lint.cache import Cache


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Closes every cache that a test opens: an open database is a warning, and warnings are errors here."""
    made: list[Cache] = []
    begin = Cache.__init__

    def noted(self: Cache, *args: object, **more: object) -> None:
        made.append(self)
        begin(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Cache, "__init__", noted)
    yield
    for cache in made:
        cache.close()

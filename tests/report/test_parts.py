"""The status of a story that is done in parts."""

from __future__ import annotations

import pytest

from merge_tool.report.data import status_of_parts


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        (["done", "done"], "done"),
        (["done", "done", "skipped"], "skipped"),  # a part was left out: nobody may read that as done
        (["done", "waiting", "skipped"], "waiting"),
        (["done", "stopped", "waiting"], "stopped"),
        (["skipped"], "skipped"),
        ([], "skipped"),
    ],
)
def test_a_story_is_done_when_all_of_its_parts_are(parts: list[str], status: str) -> None:
    assert status_of_parts(parts) == status

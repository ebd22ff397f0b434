"""Faults at random moments: after each, `status` tells the truth, and continue, abort or rollback works; nothing is lost.

MERGE_TOOL_FAULTS says how many of each kind are tried (default 2); benchmarks/faults.py tries hundreds.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.fault_rounds import FAULTS, NEED_POSTGRES, play
from tests.faults import Ground, postgres_ground
from tests.servers import PostgresDatabase

pytestmark = pytest.mark.slow
ROUNDS = int(os.environ.get("MERGE_TOOL_FAULTS", "2"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, postgres_admin: PostgresDatabase) -> Iterator[Ground]:
    with postgres_ground(tmp_path_factory.mktemp("served"), postgres_admin) as ground:
        yield ground


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind not in NEED_POSTGRES])
def test_on_after_a_fault(plain: Ground, kind: str, seed: int) -> None:
    play(plain, kind, random.Random(f"{kind}{seed}"))


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("kind", NEED_POSTGRES)
def test_on_after_the_state_database_failed(served: Ground, kind: str, seed: int) -> None:
    play(served, kind, random.Random(f"{kind}{seed}"))

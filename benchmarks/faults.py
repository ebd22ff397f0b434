"""Random faults in the middle of the tool's work: is `status` true after each, does the way on work, is nothing lost?

    python benchmarks/faults.py [--rounds 200] [--seed N] [--only KIND] [--json]

A round takes a small project (tests/project.py) at a random stage, lets a fault of one kind come at a random moment of the next
command, and goes on by `continue`, `rollback` or `abort`; see tests/fault_rounds.py for the faults and for what must hold. Kinds take turns.
The faults of the state's database start a PostgreSQL of their own. The exit code is 1 where something did not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.fault_rounds import FAULTS, NEED_POSTGRES, play
from tests.faults import Ground, postgres_ground
from tests.servers import postgres_server


def main() -> int:
    """Plays the rounds; prints the counts by kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a part of the names of the kinds to try")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    kinds = [kind for kind in FAULTS if options.only in kind]
    played: Counter[str] = Counter()
    held: Counter[str] = Counter()
    failures: list[dict[str, str]] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="mt-faults-") as folder, ExitStack() as stack:
        plain = Ground(Path(folder) / "plain")
        served: Ground | None = None
        for number in range(options.rounds):
            kind = kinds[number % len(kinds)]
            ground = plain
            if kind in NEED_POSTGRES:
                if served is None:
                    admin = stack.enter_context(postgres_server())
                    served = stack.enter_context(postgres_ground(Path(folder) / "served", admin))
                ground = served
            played[kind] += 1
            name = f"{options.seed}/{kind}/{played[kind]}"  # so that --only plays the same rounds again
            said, verdict = name, "held"
            try:
                said = play(ground, kind, random.Random(name))
                held[kind] += 1
            except Exception as error:  # noqa: BLE001 whatever it was, it did not hold; the next round begins anew
                verdict = "BROKE"
                failures.append({"round": name, "error": f"{type(error).__name__}: {error}"[:3000]})
            if not options.json:
                sys.stdout.write(f"{number + 1}/{options.rounds} {verdict}: {said}\n")
                if verdict == "BROKE":
                    sys.stdout.write(f"    {failures[-1]['error']}\n")
                sys.stdout.flush()
    seconds = time.perf_counter() - began
    about = f"merge-tool on Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs"
    if options.json:
        rows = {kind: {"rounds": played[kind], "held": held[kind]} for kind in kinds}
        sys.stdout.write(
            json.dumps(
                {"about": about, "seconds": round(seconds), "kinds": rows, "failures": failures}, indent=2
            )
        )
    else:
        sys.stdout.write(f"{about}; {seconds:.0f} s\n")
        for kind in kinds:
            sys.stdout.write(f"{kind:<22} {held[kind]} of {played[kind]}\n")
        sys.stdout.write(f"{'all':<22} {held.total()} of {played.total()}\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

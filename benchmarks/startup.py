"""Start-up: wall time of short commands, as a user waits for them, against an empty interpreter.

    python benchmarks/startup.py [--runs 15] [--json]

Prints the command, the machine, the number of runs and the median; the ratio is to `python -c pass` in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def median_seconds(command: list[str], cwd: Path, runs: int) -> float:
    """The median wall time of `runs` runs, in seconds, after one that is not counted."""
    times = []
    for number in range(runs + 1):
        began = time.perf_counter()
        subprocess.run(command, cwd=cwd, capture_output=True, check=False)
        if number:
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as for a user: compiled modules are kept
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        tool = [sys.executable, "-m", "merge_tool"]
        subprocess.run(
            [*tool, "demo", str(home / "demo"), "--json"], cwd=home, capture_output=True, check=False
        )
        fork = home / "demo" / "fork"
        floor = median_seconds([sys.executable, "-c", "pass"], home, options.runs)
        rows = [
            {
                "command": f"merge-tool {' '.join(args)}",
                "seconds": (took := median_seconds([*tool, *args], fork, options.runs)),
                "ratio": took / floor,
            }
            for args in (["--version"], ["--help"], ["status"], ["status", "--json"], ["plan", "--json"])
        ]
    about = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "runs": options.runs,
        "floor_seconds": floor,
    }
    if options.json:
        print(json.dumps({**about, "rows": rows}, indent=2))
        return
    print(
        f"{sys.argv[0]} on Python {about['python']}, {about['machine']}, {about['cpus']} CPUs; median of {options.runs} runs; `python -c pass` {floor:.3f} s"
    )
    for row in rows:
        print(f"{row['command']:<26} {row['seconds']:.3f} s  {row['ratio']:5.1f} x")


if __name__ == "__main__":
    main()

"""The plan merge_tool/plans/adopt.yaml on the real upstream: a single-tenant tree made multi-tenant, and what came of it.

    python benchmarks/adopt.py --upstream CLONE [--python PYTHON] [--keep DIR] [--json]

Builds a fork of the upstream's commit 258a4a5c plus the tenancy layer of fixtures/ (context, middleware, models with the column), runs
the plan phase by phase with the command line as a user would, and counts: findings before and after by group, files that do not parse,
names that ruff does not find, edits, and sites left to a person. With --python (an interpreter that has the upstream's
requirements and pytest) the upstream's own suite runs before and after; tests are compared by their ids.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from real_upstream import git, tool

from merge_tool.demo.real_fork import UPSTREAM, build_real_fork

PLAN = Path(__file__).resolve().parents[1] / "merge_tool" / "plans" / "adopt.yaml"
GROUPS = {
    "queries": ("TQ",),
    "routes": ("TF",),
    "tokens": ("TT",),
    "keys": ("TK",),
    "raw SQL": ("TS",),
    "schema": ("TM",),
}


def findings(fork: Path) -> Counter[str]:
    """How many findings (no `info`) each rule has on the files that the policy has checked."""
    _, out, _ = tool(fork, "validate", "--policy", "remnabot", "--json", "--quiet", "--no-cache")
    told = json.loads(out[out.index("{") :])
    return Counter(item["code"] for item in told["findings"] if item["severity"] != "info")


def names_not_found(fork: Path) -> int:
    """How many undefined names, redefinitions and unused imports ruff finds under app/."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F401,F811,F821,F823", "--output-format", "json", "app"],
        cwd=fork, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return len(json.loads(done.stdout))


def unparsable(fork: Path) -> list[str]:
    """The Python files that do not parse."""
    found = []
    for path in git(fork, "ls-files", "*.py").splitlines():
        try:
            ast.parse((fork / path).read_bytes())
        except (SyntaxError, ValueError):
            found.append(path)
    return found


def suite(fork: Path, python: str) -> set[str]:
    """The ids of the tests that pass."""
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"],
        cwd=fork, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return set(re.findall(r"^PASSED (\S.*?)(?: - .*)?$", done.stdout, re.MULTILINE))


def run(clone: Path, folder: Path, python: str) -> dict[str, object]:
    """Makes the fork, runs the plan and counts."""
    made = build_real_fork(clone, folder, base=UPSTREAM)
    fork = made.fork
    before, names_before = findings(fork), names_not_found(fork)
    passed_before = suite(fork, python) if python else set()
    seconds: list[float] = []
    codes: list[int] = []
    left: Counter[str] = Counter()
    for phase in ("0", "1", "2", "3"):
        code, out, took = tool(fork, "phase", phase, "--plan", str(PLAN), "--with-needed")
        codes.append(code)
        seconds.append(round(took, 1))
        for name, count in re.findall(r"codemod: ([\w-]+): \d+ edits in \d+ files, (\d+) sites? left", out):
            left[name] += int(count)
    branch = git(fork, "branch", "--list", "adopt/*", "--format", "%(refname:short)")
    git(fork, "checkout", "--quiet", branch)
    after = findings(fork)
    result: dict[str, object] = {
        "exit codes": codes,
        "seconds": seconds,
        "files changed": len(git(fork, "diff", "--name-only", made.fork_commit).splitlines()),
        "unparsable": unparsable(fork),
        "undefined, redefined or unused names": [names_before, names_not_found(fork)],
        "sites left to a person": dict(left),
    }
    for group, starts in GROUPS.items():
        counts = [sum(n for code, n in side.items() if code.startswith(starts)) for side in (before, after)]
        result[f"findings on {group}"] = counts
    if python:
        passed = suite(fork, python)
        result["tests passed"] = [len(passed_before), len(passed)]
        result["tests that pass no more"] = sorted(passed_before - passed)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--upstream", type=Path, required=True, help="a clone of the upstream; it is only read"
    )
    parser.add_argument("--python", default="", help="an interpreter with the upstream's requirements")
    parser.add_argument("--keep", type=Path, help="an empty folder for the fork, kept")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        told = run(given.upstream, given.keep or Path(scratch) / "fork", given.python)
    if given.json:
        print(json.dumps(told, indent=2))
        return 0
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    for name, value in told.items():
        if isinstance(value, list) and name.startswith("tests that"):
            print(f"{name}: {len(value)}")
            for item in value:
                print(f"    {item}")
        else:
            print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

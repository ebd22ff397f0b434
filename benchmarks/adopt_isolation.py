"""What crosses between two tenants after merge_tool/plans/adopt.yaml on the miniature upstream, which has nothing of tenants.

    python benchmarks/adopt_isolation.py [--database-url URL] [--json]

Runs the plan with the command line as a user would, writes the isolation tests of all routes, query functions and keys, and runs them:
two tenants with the same ids of users and chats, no row level security. On SQLite, or on the database that is named, whose tables
are emptied; connect as a superuser there, so that the filters alone must hold. Told by name: the tests that see or change
rows of the other tenant, those that get another status than the policy says, and what no test could be written for.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from real_upstream import git, tool

from merge_tool.demo.builder import build_miniature
from merge_tool.isolation.model import Options
from merge_tool.isolation.trial import run_tests, tried, write_files
from merge_tool.lint.files import project_files
from merge_tool.plan.policy import load_policy

PLAN = Path(__file__).resolve().parents[1] / "merge_tool" / "plans" / "adopt.yaml"
TARGET = "tests/integration/test_tenant_isolation.py"


def adopted(folder: Path) -> Path:
    """The miniature upstream after the plan, checked out on the plan's branch."""
    made = build_miniature(folder / "miniature")
    root = folder / "adopted"
    shutil.copytree(made.upstream, root)
    git(root, "config", "user.name", "benchmark")
    git(root, "config", "user.email", "benchmark@example.invalid")
    for phase in ("0", "1", "2", "3"):
        code, out, _ = tool(root, "phase", phase, "--plan", str(PLAN), "--with-needed")
        if code:
            raise SystemExit(f"phase {phase} stopped with {code}:\n{out[-2000:]}")
    git(root, "checkout", "--quiet", git(root, "branch", "--list", "adopt/*", "--format", "%(refname:short)"))
    return root


def crosses(reason: str) -> bool:
    """Whether a test failed because of the other tenant's rows or keys, and not of a status."""
    return "the first tenant" in reason or "key" in reason


def measure(folder: Path, database_url: str) -> dict[str, object]:
    """Adopts, writes the tests and runs them."""
    root = adopted(folder)
    policy = load_policy("remnabot", root=root)
    files = {name: (root / name).read_bytes() for name in project_files(root)}
    begun = time.monotonic()
    made = tried(files, policy, Options(TARGET, rows={"users": {"telegram_id": 1000}}), root)
    write_files(root, made.files)
    run = run_tests(root, [TARGET], database_url=database_url, source=made.source)
    crossing = {name: why for name, why in run.failed.items() if crosses(why)}
    return {
        "tests that pass": len(run.passed),
        "skipped": run.skipped,
        "cross": crossing,
        "other status": {name: why for name, why in run.failed.items() if name not in crossing},
        "cannot be tried": dict(run.cannot),
        "not tested": {f"{item.what} ({item.path}:{item.line})": item.reason for item in made.not_tested},
        "seconds": round(time.monotonic() - begun, 1),
    }


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database-url", default="", help="a database whose tables may be emptied")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="adopt-isolation-") as folder:
        told = measure(Path(folder), given.database_url)
    if given.json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    for name, value in told.items():
        print(f"{name}: {len(value) if isinstance(value, dict) else value}")
        for what, why in value.items() if isinstance(value, dict) else ():
            print(f"    {what}: {' '.join(why.split())[:160]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""All phases of the bundled plan on a clone of the real upstream, as far as a machine can, and what came of them.

    python benchmarks/real_upstream.py --upstream CLONE [--python PYTHON] [--keep DIR] [--json]

Builds a fork of the upstream's commit 3577054d plus the tenancy layer of fixtures/, merges 258a4a5c phase by phase with the
command line as a user would, and counts on the resulting branch. Gates are signed, and a conflict that is left is resolved to upstream's side, since the
fork has nothing of its own there but codemods' work, which the story's codemods do again. A stop that a person must mend is told, and the
story is left out. Nothing of the clone is executed, except that with --python
(an interpreter that has the upstream's requirements) the cabinet and the web API are imported there.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VERBS = {"get", "post", "put", "patch", "delete", "head", "options", "websocket", "api_route"}


def git(fork: Path, *args: str) -> str:
    """What git prints."""
    return subprocess.run(["git", *args], cwd=fork, capture_output=True, text=True, check=True).stdout.strip()


def tool(fork: Path, *args: str) -> tuple[int, str, float]:
    """Runs merge-tool; returns its exit code, its output and its wall time in seconds."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "merge_tool", *args, "--repo", str(fork)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, time.perf_counter() - began


def routes(tree: ast.Module) -> list[ast.AsyncFunctionDef | ast.FunctionDef]:
    """The functions of a module that a FastAPI router or app registers by decorator."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and any(
            isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr in VERBS
            for item in node.decorator_list
        )
    ]


def takes_tenant(node: ast.AsyncFunctionDef | ast.FunctionDef) -> bool:
    """Whether a route has a parameter `bot_id` from a dependency."""
    arguments = node.args.posonlyargs + node.args.args
    pairs = list(zip(arguments[len(arguments) - len(node.args.defaults) :], node.args.defaults, strict=True))
    pairs += [
        (arg, default)
        for arg, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if default
    ]
    return any(arg.arg == "bot_id" and "Depends" in ast.unparse(default) for arg, default in pairs)


MOVES = 400


def run_phase(fork: Path, number: int, python: str, notes: list[str]) -> tuple[int, float]:
    """Runs one phase to its end with the moves of a person who looks at nothing; gives the last exit code and the seconds.

    Args:
        notes: gets a line for each gate, resolution and story left out.
    """
    interpreter = ("--python", python) if python else ()
    code, text, seconds = tool(fork, "phase", str(number), "--json", *interpreter)
    for _ in range(MOVES):
        state = json.loads(tool(fork, "status", "--json")[1])
        if not state["run"]:
            break
        stuck = [item for item in state["stories"] if item["status"] in ("gate", "stopped")]
        if not stuck:
            break
        name = stuck[0]["id"] + (f"#{stuck[0]['batch']}" if stuck[0]["batch"] else "")
        if stuck[0]["status"] == "gate":
            tool(
                fork,
                "approve",
                name,
                "--name",
                "benchmark",
                "--note",
                "signed by the benchmark, nobody looked",
            )
            notes.append(f"{name}: gate signed")
        else:
            found = tool(fork, "conflicts", "--json")[1]
            left = [item["path"] for item in json.loads(found)["conflicts"]] if found.startswith("{") else []
            for path in left:
                tool(fork, "resolve", path, "--theirs")
            if not left:
                tool(fork, "skip", name, "--reason", "a person must mend it")
                notes.append(f"{name}: left out: {stuck[0]['message'][:200]}")
            else:
                notes.append(f"{name}: {len(left)} conflicts to upstream's side: {', '.join(left)[:300]}")
        code, text, more = tool(fork, "continue", "--json", *interpreter)
        seconds += more
    if not text.startswith("{"):
        notes.append(f"phase {number} said: {text[-600:]}")
    return code, seconds


def measure(fork: Path, branch: str, python: str) -> dict[str, object]:
    """Counts on the merge branch."""
    paths = git(fork, "ls-tree", "-r", "--name-only", branch).splitlines()
    result: dict[str, object] = {"cabinet files": sum(path.startswith("app/cabinet/") for path in paths)}
    total = aware = sites = broken = 0
    for path in paths:
        if not path.endswith(".py"):
            continue
        text = subprocess.run(
            ["git", "show", f"{branch}:{path}"], cwd=fork, capture_output=True, check=True
        ).stdout
        try:
            tree = ast.parse(text)
        except SyntaxError:
            broken += 1
            continue
        if path.startswith("app/cabinet/routes/"):
            found = routes(tree)
            total, aware = total + len(found), aware + sum(takes_tenant(node) for node in found)
        if path == "app/cabinet/auth/jwt_handler.py":
            for function in ast.walk(tree):
                if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    source = ast.unparse(function)
                    sites += "jwt.encode(" in source and "'bot_id': bot_id" in source
                    sites += "jwt.decode(" in source and "get('bot_id')" in source
    result |= {
        "cabinet routes": total,
        "cabinet routes with the tenant": aware,
        "JWT sites with the claim": sites,
        "files that do not parse": broken,
    }
    if python:
        for module in ("app.database.models", "app.cabinet.routes", "app.webapi.app"):
            env = {**os.environ, "BOT_TOKEN": "1:x", "PYTHONDONTWRITEBYTECODE": "1"}
            with tempfile.TemporaryDirectory() as folder:
                git(fork, "worktree", "add", "--detach", "--force", f"{folder}/tree", branch)
                done = subprocess.run(
                    [python, "-c", f"import {module}"],
                    cwd=f"{folder}/tree",
                    capture_output=True,
                    text=True,
                    env=env,
                    check=False,
                )
                git(fork, "worktree", "remove", "--force", f"{folder}/tree")
            result[f"import {module}"] = (
                "ok" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
            )
    return result


def main() -> int:
    """Builds, runs, counts, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upstream", type=Path, required=True, help="a clone of the real upstream")
    parser.add_argument("--python", default="", help="an interpreter with the upstream's requirements")
    parser.add_argument("--keep", type=Path, help="build there, and leave it")
    parser.add_argument("--phases", type=int, default=10, help="how many, from phase 0 (default: all ten)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.keep or Path(folder) / "real"
        subprocess.run(
            [sys.executable, "-m", "merge_tool.demo.real_fork", str(options.upstream), str(home)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        fork = home / "fork"
        rows: dict[str, object] = {}
        notes: list[str] = []
        for number in range(options.phases):
            dry_code, dry, dry_seconds = tool(fork, "phase", str(number), "--dry-run", "--json")
            code, seconds = run_phase(fork, number, options.python, notes)
            predicted = len(json.loads(dry)["files"]) if dry.startswith("{") else 0
            rows[f"phase {number}"] = (
                f"exit code {code}, {seconds:.1f} s (dry run {dry_code}, {dry_seconds:.1f} s, {predicted} verdicts)"
            )
        rows["moves"] = notes
        status = json.loads(tool(fork, "status", "--json")[1])
        rows["stories done"] = sum(item["status"] == "done" for item in status["stories"])
        rows["stopped"] = "; ".join(status["stop"]) or "nothing"
        rows |= measure(fork, status["run"]["branch"], options.python)
        rows["commits"] = git(
            fork, "log", "--reverse", "--format=%s", f"main..{status['run']['branch']}"
        ).splitlines()
        report = json.loads(tool(fork, "report", "--format", "json")[1])
        rows["sites left to a person"] = len(report.get("not_done", []))
    about = f"merge-tool on Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs; one run each"
    if options.json:
        print(json.dumps({"about": about, **rows}, indent=2, ensure_ascii=False))
        return 0
    print(about)
    for name, value in rows.items():
        if isinstance(value, list):
            print(f"{name}:")
            for line in value:
                print(f"    {line}")
        else:
            print(f"{name:<34} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

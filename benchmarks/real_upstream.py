"""All phases of the bundled plan on a clone of the real upstream, as far as a machine can, and what came of them.

    python benchmarks/real_upstream.py --upstream CLONE [--python PYTHON] [--keep DIR] [--json]

Builds a fork of the upstream's commit 3577054d plus the tenancy layer of fixtures/, merges 258a4a5c phase by phase with the
command line as a user would, and counts on the resulting branch. Gates are signed, and a conflict that is left is resolved to upstream's side, since the
fork has nothing of its own there but codemods' work, which the story's codemods do again. A new finding that stops a story is accepted
unseen, by a suppression that says so, and counted. Any other stop is for a person: it is told, and the story is left out. Nothing of the clone is executed, except that with --python
(an interpreter that has the upstream's requirements) the cabinet and the web API are imported there.
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
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
ACCEPTED = "accepted by the benchmark, nobody looked"
_FINDING = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+):\d+: (?P<code>[A-Z]+\d+) ")


@dataclass
class Run:
    """A fork under way, and what the benchmark did there as a person would.

    Attributes:
        notes: a line for each gate, resolution and story left out.
        accepted: how many findings were suppressed unseen, by code.
        predicted: for each phase the dry run's verdicts, by file.
    """

    fork: Path
    python: str
    notes: list[str] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)
    predicted: dict[int, dict[str, set[str]]] = field(default_factory=dict)

    def phase(self, number: int) -> str:
        """Runs one phase to its end with the moves of a person who looks at nothing; gives a row of the table."""
        interpreter = ("--python", self.python) if self.python else ()
        dry_code, dry, dry_seconds = tool(self.fork, "phase", str(number), "--dry-run", "--json")
        self.predicted[number] = verdicts(json.loads(dry)["files"] if dry.startswith("{") else [])
        code, text, seconds = tool(self.fork, "phase", str(number), "--json", *interpreter)
        for _ in range(MOVES):
            state = json.loads(tool(self.fork, "status", "--json")[1])
            stuck = [item for item in state["stories"] if item["status"] in ("gate", "stopped")]
            if not state["run"] or not stuck:
                break
            self._move(stuck[0])
            code, text, more = tool(self.fork, "continue", "--json", *interpreter)
            seconds += more
        if not text.startswith("{"):
            self.notes.append(f"phase {number} said: {text[-600:]}")
        return f"exit code {code}, {seconds:.1f} s (dry run {dry_code}, {dry_seconds:.1f} s)"

    def _move(self, story: dict[str, Any]) -> None:
        """Deals with one stop: a signature, upstream's side, a finding accepted, or the story left out."""
        name = story["id"] + (f"#{story['batch']}" if story["batch"] else "")
        if story["status"] == "gate":
            note = "signed by the benchmark, nobody looked"
            tool(self.fork, "approve", name, "--name", "benchmark", "--note", note)
            self.notes.append(f"{name}: gate signed")
            return
        found = tool(self.fork, "conflicts", "--json")[1]
        left = [item["path"] for item in json.loads(found)["conflicts"]] if found.startswith("{") else []
        for path in left:
            tool(self.fork, "resolve", path, "--theirs")
        if left:
            self.notes.append(f"{name}: {len(left)} conflicts to upstream's side: {', '.join(left)[:300]}")
        elif count := self._accept(name):
            self.notes.append(f"{name}: {count} findings accepted: {story['message'][:120]}")
        else:
            tool(self.fork, "skip", name, "--reason", "a person must mend it")
            self.notes.append(f"{name}: left out: {story['message'][:200]}")

    def _accept(self, name: str) -> int:
        """Suppresses the new findings that a story stopped on; gives how many, 0 where it stopped on something else."""
        report = json.loads(tool(self.fork, "report", "--format", "json")[1])
        parts = [part for story in report["stories"] for part in story["parts"] if part["id"] == name]
        stops = [step for part in parts for step in part["steps"] if step["status"] == "stopped"]
        lines: dict[tuple[str, int], set[str]] = {}
        for step in stops:
            for match in map(_FINDING.match, step["details"] if step["kind"] == "validate" else ()):
                if match:
                    lines.setdefault((match["path"], int(match["line"])), set()).add(match["code"])
        count = 0
        for (path, line), codes in sorted(lines.items(), reverse=True):
            file = self.fork / ".merge-tool" / "worktree" / path
            text = file.read_text(encoding="utf-8").split("\n")
            if "tenant: ignore" in text[line - 1] or not codes:
                continue  # it was accepted before, and that did not help
            text[line - 1] += f"  # tenant: ignore[{', '.join(sorted(codes))}] {ACCEPTED}"
            file.write_text("\n".join(text), encoding="utf-8")
            self.accepted.update(codes)
            count += len(codes)
        return count

    def compared(self) -> dict[str, str]:
        """For each phase, on how many files the dry run's verdicts and the run's are the same."""
        state = json.loads(tool(self.fork, "status", "--json")[1])
        rows = {}
        for number, predicted in self.predicted.items():
            done = {item["id"] for item in state["stories"] if item["status"] == "done"}
            mine = [
                item
                for item in state["files"]
                if item["story"] in done and item["story"].partition(".")[0] == str(number)
            ]
            real = verdicts(mine)
            both = real.keys() & predicted.keys()
            same = sum(bool(real[path] & predicted[path]) for path in both)
            other = Counter(
                f"{min(predicted[path])} -> {min(real[path])}"
                for path in both
                if not real[path] & predicted[path]
            )
            told = ", ".join(f"{count} {name}" for name, count in other.most_common(4))
            rows[f"phase {number}, verdicts"] = (
                f"{same} of {len(both)} the same{f' ({told})' if told else ''}; {len(predicted.keys() - real.keys())} only predicted, "
                f"{len(real.keys() - predicted.keys())} not predicted"
            )
        return rows


def verdicts(files: Sequence[Mapping[str, str]]) -> dict[str, set[str]]:
    """The verdicts of each file."""
    found: dict[str, set[str]] = {}
    for item in files:
        found.setdefault(item["path"], set()).add(item["verdict"])
    return found


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
        began = time.perf_counter()
        run = Run(fork, options.python)
        for number in range(options.phases):
            rows[f"phase {number}"] = run.phase(number)
            print(f"phase {number}: {rows[f'phase {number}']}", file=sys.stderr, flush=True)
        rows["all, with the dry runs"] = f"{time.perf_counter() - began:.0f} s"
        rows |= run.compared()
        rows["moves"] = run.notes
        rows["findings accepted unseen"] = ", ".join(
            f"{count} {code}" for code, count in run.accepted.most_common()
        )
        status = json.loads(tool(fork, "status", "--json")[1])
        report = json.loads(tool(fork, "report", "--format", "json")[1])
        for what in ("stories", "criteria"):
            counted = Counter(item["status"] for item in report[what])
            rows[what] = ", ".join(f"{count} {name}" for name, count in counted.most_common())
        rows["stopped"] = "; ".join(status["stop"]) or "nothing"
        rows |= measure(fork, status["run"]["branch"], options.python)
        rows["commits"] = git(
            fork, "log", "--reverse", "--first-parent", "--format=%s", f"main..{status['run']['branch']}"
        ).splitlines()
        rows["the criteria"] = [
            f"{item['id']} {item['status']}: {item['evidence'][:160]}" for item in report["criteria"]
        ]
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

"""The linters' speed: cold, with nothing changed, with one file changed, on several copies; against plain `ast.parse`.

    python benchmarks/lint_speed.py --repo CLONE [--path app] [--policy FILE] [--runs 5] [--copies 4,10] [--jobs N] [--json]

Each figure is the median of whole processes of `python -m merge_tool validate`, start-up and output included, on a copy of the
files that git tracks. The floor is read in the same rounds: one process that parses the same files and does nothing else, its
own start-up and the reading of the bytes not counted; a ratio is the median of those of each round to the floor of that round. CPU
seconds are those of all processes together; they tell a busy machine from a slow tool, and are told beside those of the floor. RSS is that of the largest process. The changed file is another one each
time, in even steps through the tree; a function with a query is added at its end. The copies are one project with the package
renamed in each. Other tools are run once a round where they are installed; they look at the files one by one and for less, so
their figures say what people are used to, no more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

FLOOR = """
import ast, sys, time
sources = [open(path, "rb").read() for path in sys.stdin.read().split("\\0") if path]
began, used = time.perf_counter(), time.process_time()
for source in sources:
    try:
        ast.parse(source)
    except SyntaxError:
        pass
print(time.perf_counter() - began, time.process_time() - used)
"""
EDIT = """


async def benchmark_{number}(db, user_id):
    return await db.execute(select(User).where(User.id == user_id))
"""
PATTERN = "$A.execute($B)"
OTHERS = {
    "ruff": ["ruff", "check", "--isolated", "--no-cache", "--quiet"],
    "semgrep": [
        "semgrep",
        "--metrics=off",
        "--disable-version-check",
        "--quiet",
        "--lang",
        "python",
        "--pattern",
        "$A.execute(...)",
    ],
    "ast-grep": ["ast-grep", "run", "--lang", "python", "--pattern", PATTERN],
    "fixit": ["fixit", "--quiet", "lint"],
}


@dataclass
class Figures:
    """What the runs of one command came to."""

    seconds: list[float] = field(default_factory=list)
    kilobytes: list[int] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def add(self, command: list[str], cwd: Path) -> None:
        """Runs a command once more."""
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        self.seconds.append(time.perf_counter() - began)
        self.kilobytes.append(used.ru_maxrss if sys.platform == "linux" else used.ru_maxrss // 1024)
        self.processor.append(used.ru_utime + used.ru_stime)
        code = os.waitstatus_to_exitcode(status)
        process.returncode = code
        if code not in (0, 1) and command[0] == sys.executable:
            raise SystemExit(f"{' '.join(command)} ended with {code}")

    def row(self, floors: list[tuple[float, float]]) -> dict[str, float]:
        """The medians, and the ratios to the floor, of wall time and of CPU seconds."""
        return {
            "seconds": round(statistics.median(self.seconds), 3),
            "least": round(min(self.seconds), 3),
            "most": round(max(self.seconds), 3),
            "cpu": round(statistics.median(self.processor), 3),
            "ratio": round(
                statistics.median(
                    took / floor for took, (floor, _) in zip(self.seconds, floors, strict=True)
                ),
                2,
            ),
            "cpu ratio": round(
                statistics.median(
                    used / floor for used, (_, floor) in zip(self.processor, floors, strict=True)
                ),
                2,
            ),
            "megabytes": round(statistics.median(self.kilobytes) / 1024),
        }


def installed(name: str) -> str:
    """Where another tool is: beside this interpreter, or on the path; "" where it is not."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name) or ""


def version(name: str) -> str:
    """What another tool calls itself."""
    done = subprocess.run([installed(name), "--version"], capture_output=True, text=True, check=False)
    told = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return told[-1] if told and name in told[-1] else f"{name} {told[-1] if told else ''}".strip()


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "processor not told"
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else "processor not told"


def tracked(repo: Path) -> list[str]:
    """The Python files that git tracks."""
    done = subprocess.run(
        ["git", "-C", str(repo), "ls-files", "-z", "--", "*.py"], capture_output=True, check=True
    )
    return [name for name in os.fsdecode(done.stdout).split("\0") if name]


def make_project(repo: Path, names: list[str], target: Path, package: str, copies: int) -> None:
    """Copies the files; with several copies, only the package, under a name of its own in each."""
    word = re.compile(rb"^(\s*(?:from|import)\s+)" + re.escape(package).encode() + rb"\b", re.MULTILINE)
    for number in range(copies):
        for name in names:
            if copies == 1:
                place = target / name
            elif name.startswith(f"{package}/"):
                place = target / f"{package}{number}" / name[len(package) + 1 :]
            else:
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            data = (repo / name).read_bytes()
            place.write_bytes(
                data if copies == 1 else word.sub(rb"\g<1>" + f"{package}{number}".encode(), data)
            )
    git = ["git", "-C", str(target)]
    for args in (["init", "-q"], ["add", "-f", "-A"]):
        subprocess.run([*git, *args], check=True, capture_output=True)


def floor_seconds(project: Path, names: list[str]) -> tuple[float, float]:
    """Seconds that plain `ast.parse` takes for the files, in a process of its own: on the wall, and of the processor."""
    listed = "\0".join(str(project / name) for name in names)
    done = subprocess.run(
        [sys.executable, "-c", FLOOR], input=listed, capture_output=True, text=True, check=True
    )
    wall, used = map(float, done.stdout.split())
    return wall, used


def measure(options: argparse.Namespace, home: Path, copies: int) -> dict[str, object]:
    """One project's figures."""
    project, cache = home / f"project{copies}", home / f"cache{copies}"
    make_project(options.repo, tracked(options.repo), project, options.path, copies)
    names = [name for name in tracked(project) if name.startswith(options.path)]
    policy = options.policy
    if policy is None:
        policy = home / "policy.yaml"
        policy.write_text(f'extends: generic\ncolumn: user_id\nchecked_paths: ["{options.path}*/**/*.py"]\n')
    tool = [sys.executable, "-m", "merge_tool", "validate", "--repo", str(project)]
    tool += ["--policy", str(policy.resolve()), "--format", "json", "--jobs", str(options.jobs)]
    kept = [*tool, "--cache-dir", str(cache)]
    floors: list[tuple[float, float]] = []
    figures = {name: Figures() for name in ("cold", "cold, one process", "unchanged", "one file changed")}
    others = {name: Figures() for name in OTHERS if copies == 1 and installed(name)}
    runs = options.runs if copies == 1 else max(options.runs // 2, 1)
    for number in range(runs):
        floors.append(floor_seconds(project, names))
        shutil.rmtree(cache, ignore_errors=True)
        figures["cold"].add(kept, home)
        figures["cold, one process"].add([*tool, "--no-cache", "--jobs", "1"], home)
        figures["unchanged"].add(kept, home)
        path = project / names[(2 * number + 1) * len(names) // (2 * runs)]
        before = path.read_bytes()
        path.write_bytes(before + EDIT.format(number=number).encode())
        figures["one file changed"].add(kept, home)
        path.write_bytes(before)
        for name, others_figures in others.items():
            others_figures.add([installed(name), *OTHERS[name][1:], options.path], project)
    return {
        "copies": copies,
        "files": len(names),
        "lines": sum((project / name).read_bytes().count(b"\n") for name in names),
        "runs": runs,
        "ast.parse": round(statistics.median(wall for wall, _ in floors), 3),
        "ast.parse cpu": round(statistics.median(used for _, used in floors), 3),
        "command": " ".join(["merge-tool", *tool[3:]]),
        "figures": {name: item.row(floors) for name, item in (figures | others).items()},
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", type=Path, required=True, help="a clone; nothing is written there")
    parser.add_argument("--path", default="app", help="the package that is checked")
    parser.add_argument("--policy", type=Path, help="default: the generic policy with the column user_id")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--copies", default="10", help="how many, several with commas; 1: leave the copies out"
    )
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.repo = options.repo.resolve()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as for a user: compiled modules are kept
    with tempfile.TemporaryDirectory() as folder:
        projects = [
            measure(options, Path(folder), copies)
            for copies in dict.fromkeys((1, *map(int, options.copies.split(","))))
        ]
    absent = [name for name in OTHERS if not installed(name)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = [round(item, 1) for item in os.getloadavg()] if hasattr(os, "getloadavg") else []
    versions = {name: version(name) for name in OTHERS if name not in absent}
    about = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {processor()}",
        "cores": cores,
        "load": load,
    }
    if options.json:
        print(
            json.dumps({**about, "others": versions, "not installed": absent, "projects": projects}, indent=2)
        )
        return
    print(f"Python {about['python']}, {about['machine']}, {cores} cores; load after the runs {load}")
    for project in projects:
        print(f"\n{project['command']}")
        print(
            f"{project['copies']} x the tree: {project['files']} files, {project['lines']} lines, {project['runs']} runs; ast.parse {project['ast.parse']} s ({project['ast.parse cpu']} s CPU)"
        )
        figures = project["figures"]
        assert isinstance(figures, dict)
        for name, row in figures.items():
            print(
                f"  {name:18} {row['seconds']:7.3f} s ({row['least']}-{row['most']})  {row['ratio']:5.2f} x  {row['cpu']:6.3f} s CPU  {row['cpu ratio']:5.2f} x  {row['megabytes']} MB"
            )
    for name, told in versions.items():
        print(f"\n{told}: {' '.join([*OTHERS[name], options.path])}", end="")
    print(f"\nnot installed, so not run: {', '.join(absent) or 'none'}")


if __name__ == "__main__":
    main()

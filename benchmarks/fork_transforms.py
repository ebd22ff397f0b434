"""What fork transforms spare: conflicts of a fork that a plan made, merged by git, by the cascade alone, and with transforms.

    python benchmarks/fork_transforms.py --upstream CLONE [--keep DIR] [--edits 40] [--level safe] [--python PYTHON] [--json]

Makes a fork of the upstream's commit 3577054d by the plan merge_tool/plans/adopt.yaml (that commit has no cabinet: the files
the plan names are those of its web API, and the story on tokens is left out), puts hand edits on top at places drawn by a fixed
seed, and merges 258a4a5c. The policy declares the plan's codemods as transforms. With --keep the fork is kept, and taken from there the next
time. Conflicts are counted in hunks of Python files. With --python the upstream's own suite runs on the fork, on the merged tree and on
the upstream; without it, nothing of the upstream is imported or run.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import yaml
from adopt import PLAN, findings, suite, unparsable
from real_upstream import git, tool

from merge_tool.demo.real_fork import BASE, UPSTREAM, build_real_fork
from merge_tool.merging.cascade import merge_file
from merge_tool.merging.git import git_merge
from merge_tool.merging.model import Level
from merge_tool.model.policy import Policy, TransformPolicy
from merge_tool.plan.policy import load_policy
from merge_tool.transforms.declared import transforms_of
from merge_tool.transforms.replay import replay

EDITED, MERGED = "edited", "merged"


def plan_text() -> str:
    """The plan, with the names of the web API of the older commit."""
    text = PLAN.read_text().replace("app/cabinet/dependencies", "app/webapi/dependencies")
    text = text.replace("app.cabinet.dependencies", "app.webapi.dependencies")
    stories = re.split(r"(?m)^(?=      - id: )", text)
    return "".join(part for part in stories if "tenant-jwt" not in part)


def declared(plan: str, policy: Policy) -> Policy:
    """The policy with the plan's codemods as transforms."""
    actions = [
        action["codemod"]
        for phase in yaml.safe_load(plan)["phases"]
        for story in phase["stories"]
        for action in story["actions"]
        if "codemod" in action
    ]
    found = [
        TransformPolicy(item["name"], item.get("options", {}), paths=tuple(item["paths"])) for item in actions
    ]
    return replace(policy, transforms=tuple(found))


def build(clone: Path, home: Path) -> None:
    """The fork, as the plan makes it, on its branch `edited`."""
    build_real_fork(clone, home, base=BASE, upstream_commit=UPSTREAM)
    fork = home / "fork"
    plan = home / "adopt.yaml"
    plan.write_text(plan_text())
    for phase in ("0", "1", "2", "3"):
        code, out, _ = tool(fork, "phase", phase, "--plan", str(plan), "--with-needed")
        if code:
            raise SystemExit(f"phase {phase}: exit code {code}\n{out[-2000:]}")
    branch = git(fork, "branch", "--list", "adopt/*", "--format", "%(refname:short)")
    git(fork, "fetch", "--quiet", str(clone.resolve()), UPSTREAM)
    # The plan's run has upstream's newest commit as a parent; the fork of this benchmark has not merged yet.
    tree = git(fork, "rev-parse", f"{branch}^{{tree}}")
    commit = git(fork, "commit-tree", tree, "-p", "main", "-m", "Adopt tenancy")
    git(fork, "branch", "--force", "adopted", commit)


def hand_edits(fork: Path, count: int) -> None:
    """A commit `edited` on `adopted`: what people write besides the systematic changes, at drawn places."""
    git(fork, "checkout", "--quiet", "--force", "-B", EDITED, "adopted")
    draw = random.Random(17)
    paths = [path for path in git(fork, "ls-files", "app/*.py").splitlines() if path != "app/config.py"]
    # Half of them where upstream worked too, so that they may meet its edits.
    met = [
        path
        for path in git(fork, "diff", "--name-only", BASE, UPSTREAM, "--", "app/*.py").splitlines()
        if path in paths
    ]
    done = 0
    while done < count:
        path = draw.choice(met if done % 2 else paths)
        text = (fork / path).read_text()
        functions = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and len(node.body) > 2
        ]
        if not functions:
            continue
        made = edit(text, draw.choice(functions), done)
        try:
            ast.parse(made)
        except SyntaxError:
            continue
        (fork / path).write_text(made)
        done += 1
    git(fork, "commit", "--quiet", "--all", "--message", f"{count} edits by hand")


def edit(text: str, node: ast.FunctionDef | ast.AsyncFunctionDef, number: int) -> str:
    """One edit of one function: a guard, a line in the log, another message, a renamed variable, a statement taken out, a helper."""
    lines = text.splitlines(keepends=True)
    first, last = node.body[1], node.body[-1]
    indent = " " * first.col_offset
    kind = number % 6
    if kind == 0:
        lines.insert(first.lineno - 1, f"{indent}if fork_mode_{number}():\n{indent}    return None\n")
    elif kind == 1:
        lines.insert(last.lineno - 1, f'{indent}fork_log("step {number}")\n')
    elif kind == 2:
        part = "".join(lines[node.lineno - 1 : node.end_lineno])
        changed = re.sub(r"(?<=[^\W\d_]) (?=[^\W\d_])", " (fork) ", part, count=1)
        return "".join([*lines[: node.lineno - 1], changed, *lines[node.end_lineno or 0 :]])
    elif kind == 3:
        names = [
            item.id
            for item in ast.walk(node)
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
        ]
        if names:
            part = "".join(lines[node.lineno - 1 : node.end_lineno])
            changed = re.sub(rf"(?<![.\w]){names[0]}\b(?!\s*=[^=].*,)", f"{names[0]}_own", part)
            return "".join([*lines[: node.lineno - 1], changed, *lines[node.end_lineno or 0 :]])
    elif kind == 4:
        del lines[first.lineno - 1 : first.end_lineno]
    else:
        lines.append(f"\n\ndef fork_helper_{number}() -> int:\n    return {number}\n")
    return "".join(lines)


def python_files(fork: Path, commit: str) -> dict[str, bytes]:
    """Every Python file of a commit."""
    listed = [line.split("\t") for line in git(fork, "ls-tree", "-r", commit).splitlines()]
    rows = [(meta.split()[2], path) for meta, path in listed if path.endswith(".py")]
    out = subprocess.run(
        ["git", "cat-file", "--batch"], cwd=fork, input="".join(f"{oid}\n" for oid, _ in rows).encode(),
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    found: dict[str, bytes] = {}
    at = 0
    for _, path in rows:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[2])
        found[path] = out[end + 1 : end + 1 + size]
        at = end + size + 2
    return found


def merge(fork: Path, commit: str, policy: Policy, level: Level) -> dict[str, object]:
    """Merges the upstream's commit into the fork's, three ways."""
    base, ours, theirs = (python_files(fork, name) for name in (BASE, commit, UPSTREAM))
    conflicts = [
        path
        for path in sorted(ours.keys() & theirs.keys())
        if ours[path] != theirs[path] and base.get(path) not in (ours[path], theirs[path])
        and not git_merge(base.get(path, b""), ours[path], theirs[path], ("", "", ""), "").clean
    ]  # fmt: skip
    began = time.perf_counter()
    made = replay(transforms_of(policy), base, ours, theirs, conflicts)
    took = time.perf_counter() - began
    git_hunks = alone = left = 0
    merged: dict[str, bytes] = {}
    files: dict[str, list[int]] = {}
    broken, reasons = [], Counter[str]()
    for path in conflicts:
        sides = base.get(path), ours[path], theirs[path]
        by_git = git_merge(sides[0] or b"", *sides[1:], ("", "", ""), "").left
        plain = merge_file(*sides, path=path, level=level)
        shifted = merge_file(*sides, path=path, level=level, shift=made.shifts.get(path))
        git_hunks, alone = git_hunks + by_git, alone + plain.left
        left += shifted.left
        files[path] = [by_git, plain.left, shifted.left]
        reasons.update(item.reason for _, item in shifted.hunks if item.step.value == "left")
        merged[path] = shifted.data
        if shifted.clean:
            try:
                ast.parse(shifted.data)
            except SyntaxError:
                broken.append(path)
    keep(fork, commit, merged)
    return {
        "conflicted files": len(conflicts),
        "conflicts that git leaves": git_hunks,
        "that the cascade leaves without transforms": alone,
        "that the cascade leaves": left,
        "files resolved": sum(count[2] == 0 for count in files.values()),
        "merged files that do not parse": broken,
        "seconds for the transforms": round(took, 1),
        "transforms": {
            item.name: f"{item.match.matched} of {item.match.places} places in {item.files} files match"
            + (f"; skipped: {item.skipped}" if item.skipped else "")
            + (f"; left out of {len(item.left_out)} conflicted files" if item.left_out else "")
            for item in made.told
        },
        "files (git, cascade, with transforms)": files,
        "why hunks are left": dict(reasons.most_common()),
    }


def keep(fork: Path, commit: str, merged: dict[str, bytes]) -> None:
    """The merged tree as the branch `merged`: git's merge, with the cascade's texts where git has conflicts."""
    git(fork, "checkout", "--quiet", "--force", "-B", MERGED, commit)
    subprocess.run(
        ["git", "merge", "--quiet", "--no-commit", "--no-ff", UPSTREAM],
        cwd=fork,
        capture_output=True,
        check=False,
    )
    for path, data in merged.items():
        (fork / path).write_bytes(data)
    git(fork, "add", "--update")
    git(fork, "commit", "--quiet", "--no-verify", "--message", "Merge upstream")


def checks(fork: Path, python: str) -> dict[str, object]:
    """What the merged tree is worth against the fork: files that do not parse, findings, and with an interpreter the suite."""
    found: dict[str, object] = {}
    passed: dict[str, set[str]] = {}
    for branch in (EDITED, MERGED):
        git(fork, "checkout", "--quiet", "--force", branch)
        found[f"{branch}: files that do not parse"] = unparsable(fork)
        found[f"{branch}: findings"] = sum(findings(fork).values())
        if python:
            passed[branch] = suite(fork, python)
            found[f"{branch}: tests passed"] = len(passed[branch])
    if python:
        git(fork, "checkout", "--quiet", "--force", "--detach", UPSTREAM)
        theirs = suite(fork, python)
        found["upstream: tests passed"] = len(theirs)
        found["tests that pass upstream and not in the merge"] = sorted(theirs - passed[MERGED])
    return found


def main() -> int:
    """Builds or takes the fork, merges, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upstream", type=Path, required=True, help="a clone of the upstream; only read")
    parser.add_argument(
        "--keep", type=Path, help="a folder for the fork, kept; taken from there when it is made"
    )
    parser.add_argument("--edits", type=int, default=40, help="edits by hand (%(default)s)")
    parser.add_argument("--level", choices=["safe", "full"], default="safe")
    parser.add_argument(
        "--python", default="", help="an interpreter with the upstream's requirements and pytest"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = given.keep or Path(scratch) / "made"
        if not (home / "fork" / ".git").is_dir():
            build(given.upstream, home)
        fork = home / "fork"
        hand_edits(fork, given.edits)
        plan = (home / "adopt.yaml").read_text()  # the one that made this fork
        policy = declared(plan, load_policy("remnabot", root=None))
        told = merge(fork, git(fork, "rev-parse", EDITED), policy, given.level)
        told |= checks(fork, given.python)
    if given.json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return 0
    for name, value in told.items():
        if isinstance(value, dict):
            sys.stdout.write(f"{name}:\n" + "".join(f"    {key}: {item}\n" for key, item in value.items()))
        else:
            sys.stdout.write(f"{name}: {value}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

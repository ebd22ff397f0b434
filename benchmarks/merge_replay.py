"""Replays merges that people made: git's own merge, the cascade at both levels, against what people wrote.

    python benchmarks/merge_replay.py --repo CLONE [--tsv FILE | --save FILE] [--level safe,full] [--json]

Without `--tsv` the merges are searched in the clone (its work tree is not needed, nothing is written to it). Three
groups are told apart: merges in which people took one side whole (a policy, no merging), files that they also edited
outside the conflicts (no tool at file level could give those), and the rest, which is what counts.
"""

from __future__ import annotations

import argparse
import ast
import json
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from merge_cases import Case, Clone, read_tsv, write_tsv
from wilson import told

from merge_tool.merging.cascade import merge_file
from merge_tool.merging.git import git_merge
from merge_tool.merging.model import MergeResult, Step

Sides = tuple[bytes, bytes, bytes]


@dataclass
class Score:
    """The counts of one group at one level."""

    files: int = 0
    hunks: int = 0
    hunks_resolved: int = 0
    resolved: int = 0
    equal_bytes: int = 0
    equal_ast: int = 0
    equal_but_import_order: int = 0
    different: int = 0
    unparsable: int = 0
    markers: int = 0
    lost_or_doubled: int = 0
    seconds: float = 0.0
    parse_seconds: float = 0.0  # of one `ast.parse` of each file, on average over its three sides
    steps: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def tree_of(data: bytes) -> str | None:
    """The file's tree as text, None where it is no Python of this version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.dump(ast.parse(data))
        except (SyntaxError, ValueError, RecursionError):
            return None


def import_free(data: bytes) -> tuple[str, list[str]] | None:
    """The file's tree and, in one order, the imports of its top and their names; None where it is no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(data)
        except (SyntaxError, ValueError, RecursionError):
            return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            node.names.sort(key=lambda item: (item.name, item.asname or ""))
    moved = [ast.dump(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    tree.body = [node for node in tree.body if not isinstance(node, (ast.Import, ast.ImportFrom))]
    return ast.dump(tree), sorted(moved)


def replaced(data: bytes, hunks: Sequence[tuple[bytes, bytes]], result: bytes) -> list[bytes] | None:
    """What people put for each hunk of git's merge; None where they changed something else too.

    Args:
        hunks: `(text since the hunk before, marked text)` of each hunk.
        data: what follows the last hunk.
    """
    found = []
    at = 0
    for index, (before, _) in enumerate(hunks):
        place = result.find(before, at) if index else (0 if result.startswith(before) else -1)
        if place < 0:
            return None
        if index:
            found.append(result[at:place])
        at = place + len(before)
    if not result.endswith(data) or len(result) - len(data) < at:
        return None
    found.append(result[at : len(result) - len(data)])
    return found


def git_hunks(sides: Sides) -> tuple[list[tuple[bytes, bytes]], bytes, list[tuple[bytes, bytes]]] | None:
    """git's merge cut at its markers: `(text before, marked text)`, the rest, and `(ours, theirs)` of each hunk."""
    merged = git_merge(*sides, ("ours", "base", "theirs"), "")
    if merged.clean or b"\0" in merged.data:
        return None
    cut: list[tuple[bytes, bytes]] = []
    pairs: list[tuple[bytes, bytes]] = []
    before: list[bytes] = []
    parts: list[list[bytes]] = []
    for line in merged.data.splitlines(keepends=True):
        if line.startswith(b"<<<<<<< ") and not parts:
            parts = [[]]
        elif parts and line.startswith((b"||||||| ", b"=======")):
            parts.append([])
        elif parts and line.startswith(b">>>>>>> "):
            cut.append((b"".join(before), b""))
            pairs.append((b"".join(parts[0]), b"".join(parts[-1])))
            before, parts = [], []
        elif parts:
            parts[-1].append(line)
        else:
            before.append(line)
    return cut, b"".join(before), pairs


def contents(data: bytes) -> Counter[tuple[str, ...]]:
    """Definitions, imports and keys of a file, counted by a walk of its own: not the cascade's own checks."""
    found: Counter[tuple[str, ...]] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(data)
    stack: list[tuple[str, ast.AST]] = [("", tree)]
    while stack:
        scope, node = stack.pop()
        inner = scope
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = f"{scope}{node.name}."
            found["def", inner] += 1
        elif isinstance(node, ast.ImportFrom):
            found.update(
                ("import", scope, node.module or "", item.name, item.asname or "") for item in node.names
            )
        elif isinstance(node, ast.Import):
            found.update(("import", scope, item.name, item.asname or "") for item in node.names)
        elif isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            found.update(("twice", scope, repr(key)) for key, count in Counter(keys).items() if count > 1)
        elif isinstance(node, ast.Call):
            names = [item.arg for item in node.keywords if item.arg]
            found.update(("twice", scope, key) for key, count in Counter(names).items() if count > 1)
        stack += [(inner, child) for child in ast.iter_child_nodes(node)]
    return found


def lost_or_doubled(sides: Sides, merged: bytes) -> list[tuple[str, ...]]:
    """What the merge has less or more of than the changes of both sides explain; imports that it uses may stay."""
    try:
        base, ours, theirs, now = (contents(data) for data in (*sides, merged))
    except (SyntaxError, ValueError):
        return []
    wrong = []
    for item in base.keys() | ours.keys() | theirs.keys() | now.keys():
        b, o, t, m = base[item], ours[item], theirs[item], now[item]
        low = min(o, t) if o < b or t < b else max(o, t)
        high = max(b, o, t)
        if (m < low and not (o < b or t < b)) or m > high or (b == o == t and m != b):
            wrong.append(item)
    return wrong


class Judge:
    """Scores by group and level."""

    def __init__(self, levels: Sequence[str]) -> None:
        self.levels = levels
        self.scores: dict[str, dict[str, Score]] = defaultdict(lambda: {level: Score() for level in levels})

    def add(self, group: str, case: Case, sides: Sides, result: bytes, new: bool) -> None:
        """Merges one file at each level and scores it."""
        wanted = tree_of(result)
        times = [ast_time(data) for data in sides if data]
        parse = sum(times) / max(len(times), 1)
        for level in self.levels:
            score = self.scores[group][level]
            began = time.process_time()
            merged = merge_file(None if new else sides[0], *sides[1:], path=case.path, level=level)  # type: ignore[arg-type]
            took = time.process_time() - began
            self._score(score, case, sides, result, wanted, merged)
            score.seconds += took
            score.parse_seconds += parse

    def _score(
        self, score: Score, case: Case, sides: Sides, result: bytes, wanted: str | None, merged: MergeResult
    ) -> None:
        score.files += 1
        score.hunks += len(merged.hunks)
        score.hunks_resolved += sum(item.step is not Step.LEFT for _, item in merged.hunks)
        for _, item in merged.hunks:
            score.steps[item.step.value] = score.steps.get(item.step.value, 0) + 1
        if not merged.clean:
            return
        score.resolved += 1
        tree = tree_of(merged.data)
        # Sides of Python 2 are merged too; of those nobody can ask for what this Python parses.
        score.unparsable += tree is None and all(tree_of(side) is not None for side in sides[1:])
        score.markers += any(line.startswith((b"<<<<<<<", b">>>>>>>")) for line in merged.data.splitlines())
        score.equal_bytes += merged.data == result
        if wanted is not None and tree == wanted:
            score.equal_ast += 1
        else:
            score.different += 1
            score.equal_but_import_order += import_free(merged.data) == import_free(result)
        if bad := lost_or_doubled(sides, merged.data):
            score.lost_or_doubled += 1
            score.wrong.append(f"{case.merge[:10]} {case.path}: {bad[:3]}")


def ast_time(data: bytes) -> float:
    """How long one `ast.parse` of a text takes, in seconds of the processor."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(data)
        except (SyntaxError, ValueError):
            return 0.0
    return time.process_time() - began


def replay(clone: Clone, cases: Iterable[Case], levels: Sequence[str], mixed: dict[str, bool]) -> Judge:
    """Runs all cases.

    Args:
        mixed: by merge, whether people mixed both sides; a merge that is missing is judged by its hunks.
    """
    judge = Judge(levels)
    by_merge: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_merge[case.merge].append(case)
    for merge, group in by_merge.items():
        blobs = clone.blobs(
            {oid for case in group for oid in (case.base, case.ours, case.theirs, case.resolution) if oid}
        )
        ready: list[tuple[Case, Sides, bytes, bool]] = []
        taken: list[str] = []
        for case in group:
            ids = (case.base, case.ours, case.theirs, case.resolution)
            if any(oid and oid not in blobs for oid in ids) or not case.resolution:
                continue
            base, ours, theirs, result = (blobs[oid] if oid else b"" for oid in ids)
            cut = git_hunks((base, ours, theirs))
            if cut is None:
                continue
            put = replaced(cut[1], cut[0], result)
            for index, text in enumerate(put or ()):
                one, other = cut[2][index]
                taken.append("ours" if text == one else "theirs" if text == other else "mix")
            ready.append((case, (base, ours, theirs), result, put is not None))
        one_sided = (
            not mixed[merge] if merge in mixed else len(taken) > 1 and set(taken) in ({"ours"}, {"theirs"})
        )
        for case, sides, result, aligned in ready:
            name = "one-sided merge" if one_sided else "mixed" if aligned else "edited outside"
            if any(data and tree_of(data) is None for data in (*sides, result)):
                name = "not Python 3"
            judge.add(name, case, sides, result, not case.base)
    return judge


def main() -> None:
    """Replays and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", type=Path, required=True)
    parser.add_argument(
        "--tsv", type=Path, help="cases, instead of a search; rows of other repositories are passed over"
    )
    parser.add_argument("--only", default="", help="of the table, the rows of this repository")
    parser.add_argument("--save", type=Path, help="write the cases that were found")
    parser.add_argument("--limit", type=int, default=0, help="the newest N merges of the search")
    parser.add_argument("--level", default="safe,full")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    levels = options.level.split(",")
    with Clone.open(options.repo.resolve()) as clone:
        cases = (
            [case for case in read_tsv(options.tsv) if options.only in case.repo]
            if options.tsv
            else clone.find(options.limit)
        )
        if options.save:
            write_tsv(options.save, cases)
        judge = replay(clone, cases, levels, mixed_column(options.tsv))
    if options.json:
        print(
            json.dumps(
                {group: {level: asdict(s) for level, s in by.items()} for group, by in judge.scores.items()},
                indent=2,
            )
        )
        return
    for group, by_level in sorted(judge.scores.items()):
        for level, score in by_level.items():
            print(
                f"{group}, {level}: {score.files} files, {score.hunks_resolved} of {score.hunks} hunks resolved; git: 0 files"
            )
            print(
                f"  resolved {told(score.resolved, score.files)}; equal (AST) of all {told(score.equal_ast, score.files)}"
            )
            print(
                f"  equal of the resolved {told(score.equal_ast, score.resolved)}; {score.equal_bytes} byte for byte, {score.different} different ({score.equal_but_import_order} only in the order of imports)"
            )
            print(
                f"  unparsable {score.unparsable}, markers {score.markers}, lost or doubled {score.lost_or_doubled}"
            )
            print(
                f"  {1000 * score.seconds / max(score.files, 1):.0f} ms a file, {score.seconds / max(score.parse_seconds, 0.001):.1f} times an `ast.parse`; {score.steps}"
            )
            for line in score.wrong[:10]:
                print(f"    {line}")


def mixed_column(path: Path | None) -> dict[str, bool]:
    """By merge, what the table's column `mixed_merge` says, where it has one."""
    if path is None:
        return {}
    lines = path.read_text().splitlines()
    names = lines[0].split("\t")
    if "mixed_merge" not in names:
        return {}
    rows = [dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:]]
    return {row["merge"]: row["mixed_merge"] == "yes" for row in rows}


if __name__ == "__main__":
    main()

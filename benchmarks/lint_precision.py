"""Precision by reading: draws findings from a project for a person to label, and counts what the labels say.

    python benchmarks/lint_precision.py draw --repo DIR --policy FILE --labels FILE [--sample 50] [--seed 1] [--select TQ,TK]
    python benchmarks/lint_precision.py count --labels FILE [--json]

`draw` prints each finding with the lines around it, and writes the label file: one finding a line, split by tabs: id,
path, line, code, verdict, note. It holds nothing of the project's text. The verdict is `true`, `false` or `unclear`, and empty
until someone has read the place; drawing again keeps what is written. `info` says that it is not decided, so it is no
finding here. `unclear` counts in neither direction, and is told.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from wilson import told, wilson

from merge_tool.lint.files import project_files
from merge_tool.lint.run import lint_paths
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.plan.policy import load_policy

VERDICTS = ("true", "false", "unclear", "")
AROUND = 6


@dataclass(frozen=True, slots=True)
class Label:
    """One finding and what a person says of it. `id` stays the same while the finding does."""

    id: str
    path: str
    line: int
    code: str
    verdict: str = ""
    note: str = ""


def identity(item: Diagnostic) -> str:
    """A short name for a finding, by its code, place and message."""
    text = f"{item.code}\0{item.path}\0{item.span.line}\0{item.span.column}\0{item.message}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def read_labels(path: Path) -> list[Label]:
    """The labels of a file; none where there is no file.

    Raises:
        SystemExit: a verdict is not one of `true`, `false`, `unclear`.
    """
    if not path.is_file():
        return []
    with path.open(newline="") as stream:
        found = [
            Label(
                row["id"], row["path"], int(row["line"]), row["code"], row["verdict"] or "", row["note"] or ""
            )
            for row in csv.DictReader(stream, delimiter="\t")
        ]
    for item in found:
        if item.verdict not in VERDICTS:
            raise SystemExit(f"{path}: {item.id}: the verdict {item.verdict!r} is not true, false or unclear")
    return found


def write_labels(path: Path, labels: Sequence[Label]) -> None:
    """Writes the labels, in order of place."""
    names = [item.name for item in fields(Label)]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(names)
        for item in sorted(labels, key=lambda item: (item.path, item.line, item.code)):
            writer.writerow([getattr(item, name) for name in names])


def draw(options: argparse.Namespace) -> None:
    """Draws a sample, prints it with the lines around, and writes or completes the label file."""
    policy = load_policy(options.policy, root=options.repo)
    select = [word for word in options.select.split(",") if word]
    result = lint_paths(options.repo, project_files(options.repo), policy, select=select)
    every = [
        item
        for item in result.findings
        if item.severity is not Severity.INFO and not item.code.startswith("T0")
    ]
    chosen = every
    if len(every) > options.sample:
        chosen = random.Random(options.seed).sample(every, options.sample)
    known = {item.id: item for item in read_labels(options.labels)}
    labels = []
    for item in sorted(chosen, key=lambda item: item.sort_key):
        name = identity(item)
        labels.append(known.get(name) or Label(name, item.path, item.span.line, item.code))
        print(f"\n== {name} {item.path}:{item.span.line} {item.code} {item.message}")
        lines = (options.repo / item.path).read_text("utf-8", "replace").splitlines()
        first = max(item.span.line - AROUND, 1)
        for number in range(first, min(item.span.end_line + AROUND, len(lines)) + 1):
            mark = ">" if item.span.line <= number <= item.span.end_line else " "
            print(f"{mark}{number:5} {lines[number - 1]}")
    write_labels(options.labels, labels)
    print(f"\n{len(labels)} of {len(every)} findings are in {options.labels}; label them, then: count")


def count(options: argparse.Namespace) -> None:
    """Counts the labels, by rule and over all."""
    labels = read_labels(options.labels)
    rows = {}
    for code in (*sorted({item.code for item in labels}), "all"):
        counted = Counter(item.verdict for item in labels if code in (item.code, "all"))
        sure = counted["true"] + counted["false"]
        rows[code] = {
            "true": counted["true"],
            "false": counted["false"],
            "unclear": counted["unclear"],
            "unlabelled": counted[""],
            "precision": counted["true"] / sure if sure else None,
            "interval_95": wilson(counted["true"], sure),
            "text": told(counted["true"], sure),
        }
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for code, row in rows.items():
        print(f"{code:<5} {row['text']}; unclear {row['unclear']}, not labelled {row['unlabelled']}")


def main() -> None:
    """Draws or counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    drawing = verbs.add_parser("draw")
    drawing.add_argument("--repo", type=Path, required=True)
    drawing.add_argument("--policy", required=True)
    drawing.add_argument("--sample", type=int, default=50)
    drawing.add_argument("--seed", type=int, default=1)
    drawing.add_argument("--select", default="", help="codes of rules, with commas")
    counting = verbs.add_parser("count")
    counting.add_argument("--json", action="store_true")
    for verb in (drawing, counting):
        verb.add_argument("--labels", type=Path, required=True)
    options = parser.parse_args()
    (draw if options.verb == "draw" else count)(options)


if __name__ == "__main__":
    main()

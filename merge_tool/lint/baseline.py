"""Baselines: findings that were there when the linters came pass; new ones fail; fixed ones must be taken out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from merge_tool.errors import UserError
from merge_tool.model.source import Diagnostic

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Compared:
    """Findings against a baseline: `new` ones, how many are `known`, and entries that are `gone`, as `path: code message`."""

    new: tuple[Diagnostic, ...]
    known: int
    gone: tuple[str, ...]


def _key(item: Diagnostic) -> tuple[str, str, str]:
    # No line: code above a finding may grow.
    return item.path, item.code, item.message


@dataclass(frozen=True, slots=True)
class Reach:
    """What a run looked at: only its entries can be gone, and only they are written anew.

    Attributes:
        codes: the rules that ran.
        paths: the files that were reported on; None: all.
    """

    codes: frozenset[str]
    paths: frozenset[str] | None = None

    def covers(self, path: str, code: str) -> bool:
        """Whether the run would have found this again."""
        return code in self.codes and (self.paths is None or path in self.paths)


def write_baseline(path: Path, findings: Iterable[Diagnostic], reach: Reach | None = None) -> int:
    """Writes the findings as a baseline and returns how many distinct ones it holds.

    Entries of an earlier baseline that lie outside of `reach` stay: rules that did not run, files that were not
    reported on. The file has one entry a line, in order, so that two branches' changes to it merge.

    Raises:
        UserError: the file cannot be written.
    """
    counts = Counter(_key(item) for item in findings)
    if reach is not None and path.is_file():
        for (where, code, message), count in read_baseline(path).items():
            if not reach.covers(where, code):
                counts[where, code, message] = count
    entries = [
        {"path": where, "code": code, "message": message, "count": count}
        for (where, code, message), count in sorted(counts.items())
    ]
    try:
        path.write_text(
            _written(entries),
            encoding="utf-8",
        )
    except OSError as error:
        raise UserError(
            f"the baseline cannot be written: {error.strerror or error}", where=str(path)
        ) from error
    return len(entries)


def read_baseline(path: Path) -> Counter[tuple[str, str, str]]:
    """Reads a baseline.

    Raises:
        UserError: there is none, or it is not one.
    """
    hint = "write one with --update-baseline"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("version") != _VERSION:
            raise UserError("this is not a baseline of a version that is known", where=str(path), hint=hint)
        return Counter(
            {
                (str(item["path"]), str(item["code"]), str(item["message"])): int(item["count"])
                for item in data["findings"]
            }
        )
    except OSError as error:
        raise UserError(
            f"the baseline cannot be read: {error.strerror or error}", where=str(path), hint=hint
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"this is not a baseline: {error}", where=str(path), hint=hint) from error


def _written(entries: Sequence[Mapping[str, object]]) -> str:
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    return f'{{"version": {_VERSION}, "findings": [\n{lines}\n]}}\n'


def compare(
    findings: Iterable[Diagnostic], baseline: Counter[tuple[str, str, str]], reach: Reach | None = None
) -> Compared:
    """The findings that the baseline does not hold, and the entries for which there is no finding any more.

    Args:
        reach: what the run looked at; an entry outside of it is not gone. None: everything.
    """
    left = Counter(baseline)
    new: list[Diagnostic] = []
    known = 0
    for item in findings:
        if left[_key(item)] > 0:
            left[_key(item)] -= 1
            known += 1
        else:
            new.append(item)
    gone = tuple(
        f"{where}: {code} {message}"
        for (where, code, message), count in sorted(left.items())
        if count > 0 and (reach is None or reach.covers(where, code))
    )
    return Compared(tuple(new), known, gone)

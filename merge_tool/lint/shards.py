"""A run in parts: each looks for what the rules find in its share of the files, and one puts the parts together.

What decides over all files at once (suppressions that suppress nothing, baselines, the exit code) is done when they
are put together. So the result is that of one run, whatever the number of parts.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from merge_tool import __version__
from merge_tool.errors import UserError
from merge_tool.lint.cache import Cache
from merge_tool.lint.digests import RESULT_CODE, code_digest, digest, facts_keys, policy_digest, rules_digest
from merge_tool.lint.results import finding_row, read_row
from merge_tool.lint.run import (
    META,
    LintResult,
    _notes,
    _picked_meta,
    checked,
    choose,
    not_read,
    reported,
    settle,
    unreadable,
)  # fmt: skip
from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Span
from merge_tool.rulekit.facts import Marker

_VERSION = 1
# What must be the same in all parts, with what is said where it is not.
_SAME = {
    "code": "was written by another version of merge-tool or of Python",
    "tree": "is of another state of the files",
    "policy": "is by another policy",
    "rules": "is by other rules",
    "asked": "was asked for other paths, --select or --ignore",
}


@dataclass(frozen=True, slots=True)
class Share:
    """The `number`-th (from 1) of `of` parts."""

    number: int
    of: int


def parse_share(text: str) -> Share:
    """Reads `K/N`.

    Raises:
        UserError: it is not that.
    """
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UserError(f"--shard {text!r} is no part of a whole", hint="give K/N, such as 1/3, 2/3 and 3/3")
    return Share(int(match[1]), int(match[2]))


def of_share(sizes: Mapping[str, int], share: Share) -> list[str]:
    """The paths of a part: the largest files are dealt out first, so that all parts have about as much to do."""
    loads = [0] * share.of
    mine = []
    for path in sorted(sizes, key=lambda path: (-sizes[path], path)):
        least = loads.index(min(loads))
        loads[least] += sizes[path] + 1
        if least == share.number - 1:
            mine.append(path)
    return sorted(mine)


def lint_share(
    root: Path,
    files: Sequence[str],
    policy: Policy,
    share: Share,
    *,
    report_on: Collection[str] | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    rule_folders: Sequence[Path] = (),
    cache: Cache | None = None,
    jobs: int = 1,
) -> dict[str, Any]:
    """Does one part of a run; the arguments are those of `lint_paths`.

    The facts of all files are read, because a flow may lead anywhere; the rules run on the part's own files.

    Returns:
        what `merged` takes, as plain data.

    Raises:
        UserError: there is no file to check, or a rule is not known.
    """
    from merge_tool.index.project import ProjectIndex, no_collection
    from merge_tool.lint.checking import check
    from merge_tool.lint.loader import load_rules
    from merge_tool.lint.reading import read_files

    start = time.perf_counter()
    texts: dict[str, bytes] = {}
    unread: list[Diagnostic] = []
    for path in files:
        try:
            texts[path] = (root / path).read_bytes()
        except OSError as error:
            unread.append(not_read(path, error))
    every = sorted({*texts, *(item.path for item in unread)})
    wanted = set(report_on) if report_on is not None else set(checked(every, policy))
    if not wanted:
        raise UserError(f"no file to check under {root}", hint="name the paths to check")
    available = load_rules(rule_folders)
    chosen = choose(available, select, ignore)
    keys = facts_keys(texts, policy)
    modules, broken = read_files(texts, keys, policy, cache, jobs)
    mine = set(of_share({path: len(texts.get(path, b"")) for path in every}, share))
    with no_collection():
        index = ProjectIndex(modules, broken, policy)
        done = check(index, chosen, [sorted(mine & modules.keys())], 1, noted=False)
        found = {item for items in done.found.values() for item in items}
    found |= {unreadable(item) for item in broken if item.path in mine}
    shown = reported(found, index, chosen, wanted & texts.keys(), wide=report_on is None)
    asked = [list(select), list(ignore), None if report_on is None else sorted(report_on)]
    tree = digest(
        *(part for path in sorted(keys) for part in (path, keys[path])), *(item.path for item in unread)
    )
    models = index.models.by_name.values()
    return {
        "version": _VERSION,
        "share": asdict(share),
        "same": {
            "code": code_digest(RESULT_CODE).hex(),
            "tree": tree.hex(),
            "policy": policy_digest(policy).hex(),
            "rules": rules_digest(rule_folders).hex(),
            "asked": digest(json.dumps(asked)).hex(),
        },
        "about": {"merge-tool": __version__, "policy": policy.name},
        "found": [finding_row(item) for item in sorted(shown, key=lambda item: item.sort_key)],
        "unread": [finding_row(item) for item in unread if item.path in mine & wanted],
        "markers": {
            path: [asdict(marker) for marker in modules[path].markers]
            for path in sorted(mine & modules.keys())
            if modules[path].markers
        },
        "wanted": sorted(wanted & mine),
        "select": list(select),
        "ignore": list(ignore),
        "report_on": None if report_on is None else sorted(report_on),
        "ran": [rule.code for rule in chosen],
        "known": [*(rule.code for rule in available), *META],
        "meta": sorted(_picked_meta(available, select, ignore)),
        "notes": _notes(index, chosen, policy),
        "models": len(models),
        "tenant_models": sum(index.models.is_tenant(model) for model in models),
        "seconds": time.perf_counter() - start,
    }  # fmt: skip


def merged(parts: Mapping[str, Any], policy: Policy) -> LintResult:
    """Puts the parts of a run together.

    Args:
        parts: what `lint_share` gave, by the name of the file that holds it.
        policy: the policy that all parts were made by.

    Returns:
        what one run over all files gives; `seconds` is that of the slowest part.

    Raises:
        UserError: a part is missing, comes twice, is none, or is of another tree, policy, version or question.
    """
    if not parts:
        raise UserError("there are no shards to merge", hint="name the files that --shard K/N wrote")
    for name, part in parts.items():
        if not isinstance(part, dict) or part.get("version") != _VERSION:
            raise UserError(
                "this is no shard of a known version", where=name, hint="write it with --shard K/N"
            )
    first, head = next(iter(parts.items()))
    try:
        _complete(parts, first)
        if policy_digest(policy).hex() != head["same"]["policy"]:
            raise UserError(
                f"the shards are by the policy {head['about']['policy']} as it was, not by {policy.name} as it is here",
                hint="merge where the same policy is, or name it with --policy",
            )
        return _merged(list(parts.values()), policy)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"a shard is broken: {type(error).__name__}: {error}", hint="write it again"
        ) from error


def _complete(parts: Mapping[str, Any], first: str) -> None:
    head = parts[first]
    for name, part in parts.items():
        for key, said in _SAME.items():
            if part["same"][key] != head["same"][key]:
                raise UserError(
                    f"this shard {said} than {first}", where=name, hint="run all shards anew, on one commit"
                )
        if part["share"]["of"] != head["share"]["of"]:
            raise UserError(
                f"this is one of {part['share']['of']} shards, {first} one of {head['share']['of']}",
                where=name,
            )
    numbers: dict[int, str] = {}
    for name, part in parts.items():
        number = part["share"]["number"]
        if number in numbers:
            raise UserError(
                f"{numbers[number]} holds the shard {number} already", where=name, hint="name each once"
            )
        numbers[number] = name
    missing = [str(number) for number in range(1, head["share"]["of"] + 1) if number not in numbers]
    if missing:
        raise UserError(
            f"of {head['share']['of']} shards there is no {', '.join(missing)}",
            hint="name the files of all shards",
        )


def _merged(parts: Sequence[Any], policy: Policy) -> LintResult:
    head = parts[0]
    wanted = sorted({path for part in parts for path in part["wanted"]})
    kept, suppressed = settle(
        {read_row(row) for part in parts for row in part["found"]},
        {
            path: [_marker(item) for item in items]
            for part in parts
            for path, items in part["markers"].items()
        },
        set(head["ran"]),
        set(head["known"]),
        policy,
        wanted,
        set(head["meta"]),
    )
    unread = [read_row(row) for part in parts for row in part["unread"]]
    return LintResult(
        tuple(sorted((*kept, *unread), key=lambda item: item.sort_key)),
        len(wanted),
        max(float(part["seconds"]) for part in parts),
        tuple(head["ran"]),
        tuple(head["notes"]),
        int(head["models"]),
        int(head["tenant_models"]),
        suppressed,
    )


def _marker(data: Any) -> Marker:
    span = Span(**data["span"])
    return Marker(
        str(data["keyword"]),
        tuple(data["codes"]),
        str(data["reason"]),
        span,
        int(data["first"]),
        int(data["last"]),
    )

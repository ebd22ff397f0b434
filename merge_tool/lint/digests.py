"""What results depend on, as keys: content and code, never times, inodes or absolute paths. So a cache can be carried."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from merge_tool.bundled import bundled
from merge_tool.model.policy import Policy

_PACKAGE = Path(__file__).parent.parent
_FACTS = ("index", "rulekit", "model/source.py", "model/plain.py", "lint/facts_bytes.py")
RESULT_CODE = ("index", "rulekit", "model", "lint", "plan/patterns.py", "__init__.py")


def digest(*parts: bytes | str) -> bytes:
    """One digest of several parts; where a part ends is part of it."""
    made = hashlib.blake2b(digest_size=20)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        made.update(len(data).to_bytes(8, "little"))
        made.update(data)
    return made.digest()


@cache
def code_digest(names: tuple[str, ...]) -> bytes:
    """A digest of this tool's own sources and of the interpreter: another parser reads another tree."""
    parts: list[bytes | str] = [sys.implementation.name, str(sys.version_info[:3])]
    for name in names:
        place = _PACKAGE / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            parts += [path.relative_to(_PACKAGE).as_posix(), path.read_bytes()]
    return digest(*parts)


def facts_keys(contents: Mapping[str, bytes], policy: Policy) -> dict[str, bytes]:
    """The key of each file's facts, by path: its place, its content, what the policy has noted, and the readers' own code."""
    told = repr((policy.global_marker, policy.forbidden_scripts))
    code = code_digest(_FACTS)
    return {path: digest(code, told, path, content) for path, content in contents.items()}


def policy_digest(policy: Policy) -> bytes:
    """A digest of all of a policy, but for where its file lies."""
    return digest(repr(dataclasses.replace(policy, source="")))


def rules_digest(folders: Sequence[Path]) -> bytes:
    """A digest of every file in the bundled rules' folder and in a user's own, helpers and policies included.

    What a rule reads elsewhere is not in it: a user's rule that looks at other files needs `--no-cache`.
    """
    parts: list[bytes | str] = []
    for number, folder in enumerate((bundled("rules"), *folders)):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                parts += [f"{number}/{path.relative_to(folder).as_posix()}", path.read_bytes()]
    return digest(*parts)


def result_key(
    files: Mapping[str, bytes],
    policy: Policy,
    report_on: Iterable[str] | None,
    select: Sequence[str],
    ignore: Sequence[str],
    rules: bytes,
) -> bytes:
    """The key of a whole run's findings.

    Args:
        files: the key of each file's facts, by path.
        policy: all of it, but for where its file lies.
        report_on: the paths that are reported on; None: those that the policy has checked.
        select, ignore: as given.
        rules: `rules_digest` of the rules that there are.
    """
    parts: list[bytes | str] = ["result", code_digest(RESULT_CODE), rules, policy_digest(policy)]
    parts += [
        repr(tuple(select)),
        repr(tuple(ignore)),
        repr(None if report_on is None else sorted(report_on)),
    ]
    for path in sorted(files):
        parts += [path, files[path]]
    return digest(*parts)

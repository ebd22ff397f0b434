"""What the commands on live servers share: the policy, a story's tables, files of SQL."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.errors import UserError

if TYPE_CHECKING:
    from merge_tool.model.policy import Policy


def policy_of(repo: Path, given: str, plan: Path | None) -> Policy:
    """The policy that was named, or that of the project here; who chose it is told on standard error.

    Raises:
        UserError: the folder is not there, or no policy was named and none can be told.
    """
    from merge_tool.commands.policy_choice import NAME_ONE, choose_policy

    if not repo.is_dir():
        raise UserError(f"{repo} is not a folder", hint="give the project's root with --repo")
    choice = choose_policy(repo, given, plan)
    if not choice.known:
        raise UserError("no policy was named: what a tenant is here must be known", hint=NAME_ONE)
    sys.stderr.write(f"policy: {choice.policy.name} ({choice.origin})\n")
    return choice.policy


def story_tables(repo: Path, plan: Path | None, story_id: str) -> frozenset[str]:
    """The tables whose models or names stand in the files of a story.

    Raises:
        UserError: the plan has no such story.
    """
    from merge_tool.actions.model_text import tables_by_class
    from merge_tool.commands.opening import plan_path, read_plan
    from merge_tool.lint.files import project_files
    from merge_tool.plan.patterns import PathMatcher

    found = read_plan(plan_path(repo, plan)).story(story_id)
    if found is None:
        raise UserError(f"the plan has no story {story_id}", hint="merge-tool plan lists them")
    patterns = found.files + (found.batches.patterns if found.batches else ())
    matcher = PathMatcher(patterns)
    texts = {path: (repo / path).read_text("utf-8", "replace") for path in project_files(repo)}
    classes = tables_by_class(texts.values())
    words = {
        word for path, text in texts.items() if matcher.matches(path) for word in re.findall(r"\w+", text)
    }
    return frozenset(table for name, table in classes.items() if name in words or table in words)


def file_text(path: Path) -> str:
    """The text of a file that an option names.

    Raises:
        UserError: it cannot be read, or is empty.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot be read: {error}", where=str(path)) from error
    if not text.strip():
        raise UserError("holds nothing", where=str(path))
    return text


def print_text(text: str) -> None:
    """Prints a document as it is."""
    sys.stdout.write(text)

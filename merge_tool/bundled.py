"""Finds `rules/`, `phases.yaml` and `fixtures/`: in the wheel beside this file, in a checkout at its top."""

from __future__ import annotations

from pathlib import Path

from merge_tool.errors import UserError

_PACKAGE = Path(__file__).parent


def bundled(name: str) -> Path:
    """The path of a shipped file or folder, such as `phases.yaml` or `rules/policies/remnabot.yaml`.

    Raises:
        UserError: the installation lacks it.
    """
    for root in (_PACKAGE / "_bundled", _PACKAGE.parent):
        if (path := root / name).exists():
            return path
    raise UserError(
        f"this installation of merge-tool lacks {name}",
        hint="install it again: pip install --force-reinstall merge-tool",
    )

"""Writing a file in one step, for every room that writes one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomic(target: Path, data: bytes, mode: int | None = None) -> None:
    """Writes a file by way of a temporary one beside it: whoever reads it sees the old bytes or the new ones, never half.

    Args:
        target: the file, in a folder that is there. A symbolic link is replaced, not followed.
        mode: its permission bits; None keeps those of the file that is there, and is 0644 for a new one.

    Raises:
        OSError: it cannot be written; the old file stands then, and nothing is left beside it.
    """
    if mode is None:
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

"""What commands that rewrite a work tree share: they refuse a dirty one, show a diff, and write all files or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def refuse_dirty(repo: Path) -> None:
    """Refuses a work tree with changes that are not committed, because a rewrite would be mixed up with them.

    Raises:
        UserError: tracked files have changes.
        VcsError: `repo` is in no git repository.
    """
    from merge_tool.errors import UserError
    from merge_tool.vcs.repo import Repository

    opened = Repository.open(repo)
    changed = (
        opened.run("status", "--porcelain", "--untracked-files=no", cwd=repo)
        .decode("utf-8", "replace")
        .splitlines()
    )
    if changed:
        raise UserError(
            f"{len(changed)} tracked files have changes that are not committed, such as {changed[0][3:]}",
            hint="commit or stash them, or give --allow-dirty",
        )


def write_all(repo: Path, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> None:
    """Writes files, each in one step and with the mode it had; where one cannot be written, all are as they were.

    Args:
        old: the bytes that the new ones were made from, by path; a path that is not in it is a new file.
        new: the bytes to write, by path.

    Raises:
        UserError: a file changed since it was read, or cannot be written.
    """
    from merge_tool.errors import UserError
    from merge_tool.files import write_atomic

    for path in sorted(new):
        if path in old and (repo / path).read_bytes() != old[path]:
            raise UserError(f"{path} changed while its new text was made", hint="run it again")
    written: list[str] = []
    try:
        for path, data in sorted(new.items()):
            (repo / path).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(repo / path, data, None if path in old else 0o644)
            written.append(path)
    except BaseException as error:
        for path in written:
            if path in old:
                write_atomic(repo / path, old[path])
            else:
                (repo / path).unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = f"nothing was written: {error.strerror or error}"
            raise UserError(reason, where=str(error.filename or "")) from error
        raise


def print_diff(files: Mapping[str, bytes], new: Mapping[str, bytes]) -> None:
    """A unified diff that git and patch can apply: raw where it is piped, made safe on a terminal."""
    import difflib
    import os
    import sys

    from merge_tool.report.console import console, safe

    terminal = sys.stdout.isatty()
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for path, data in sorted(new.items()):
        old = files.get(path)
        before, after = _lines(old or b""), _lines(data)
        lines = list(
            difflib.unified_diff(before, after, f"a/{path}" if old is not None else "/dev/null", f"b/{path}")
        )
        heads = lines[:2]
        for number, line in enumerate(lines):
            whole = line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            raw = os.fsencode(whole) if number < len(heads) else whole.encode("latin-1")
            if terminal:
                text = raw.decode("utf-8", "replace").rstrip("\r\n")
                console().print(safe(text, colours.get(text[:1], "")), soft_wrap=True)
            else:
                sys.stdout.flush()
                sys.stdout.buffer.write(raw)


def _lines(data: bytes) -> list[str]:
    """Lines that end with `\\n` alone, each byte as one character, so that any encoding comes through."""
    text = data.decode("latin-1")
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])

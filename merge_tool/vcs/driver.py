"""Makes git call merge-tool: as the merge driver of Python files, and as a tool of `git mergetool`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from merge_tool.errors import VcsError
from merge_tool.files import write_atomic
from merge_tool.vcs.process import Git

NAME = "merge-tool"
PATTERNS = ("*.py", "*.pyi")
FAILED = 255  # the driver's exit code where it could not merge, and left git's own merge
Scope = Literal["local", "global"]
_BEGIN, _END = "# merge-tool: begin", "# merge-tool: end"


@dataclass
class Done:
    """What was changed, in words; both empty where everything was as wanted before.

    Attributes:
        config: git's configuration.
        attributes: the file of attributes.
    """

    config: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    attributes_file: str = ""


def commands(level: str, policy: str, python: str = "") -> dict[str, str]:
    """The configuration by key.

    git runs a driver through the shell. Of what it leaves behind when it fails, git takes %A for the merge (before 2.44 with
    any exit code): ours, without a marker. So the line ends with a guard, which trusts exit code 0, and 1 where a
    marker stands in %A; else it puts git's own merge there, says so, and ends with 255.

    Args:
        level: of the driver; `git mergetool`, which a person calls, goes to `full`.
        policy: whose transforms are made; "" for the tenancy.yaml that is there.
        python: the interpreter; this one by default. It gets -P, so that nothing of the merged tree is imported.
    """
    tool = f"{shlex.quote(python or sys.executable)} -P -m merge_tool"
    more = f" --policy {shlex.quote(policy)}" if policy else ""
    said = "echo 'merge-tool: the merge driver FAILED; what stands there is the merge of git, not of merge-tool' >&2"
    guard = (
        "merge_tool=$?; test $merge_tool -eq 0 && exit 0; "
        "test $merge_tool -eq 1 && grep -q '^<<<<<<<* ' %A && exit 1; "
        f"test $merge_tool -eq {FAILED} || {{ {said}; git merge-file -q --marker-size=%L -L ours -L base -L theirs %A %O %B; }}; "
        f"exit {FAILED}"
    )
    driver = f"{tool} merge-driver --level {level}{more} --marker-size %L -- %O %A %B %P; {guard}"
    # git asks for three files of its own making, so that no name can be taken for an option.
    merge = (
        f'{tool} merge-file --level full{more} --path "$MERGED" -o "$MERGED" -- "$BASE" "$LOCAL" "$REMOTE"'
    )
    return {
        f"merge.{NAME}.name": "merge-tool: Python by its syntax",
        f"merge.{NAME}.driver": driver,
        f"mergetool.{NAME}.cmd": merge,
        f"mergetool.{NAME}.trustExitCode": "true",
    }


def install(repo: Path, scope: Scope, wanted: Mapping[str, str], *, tracked: bool = False) -> Done:
    """Writes configuration and attributes; what is there already stays.

    Args:
        repo: the repository; for the scope `global` any folder.
        scope: where the configuration goes, and with it the attributes: `info/attributes`, or the user's file.
        wanted: see `commands`.
        tracked: the attributes go to the repository's .gitattributes, for everyone who has the driver installed.

    Raises:
        VcsError: no repository, or a file that cannot be written.
    """
    git = Git(repo)
    done = Done()
    for key, value in wanted.items():
        if _value(git, scope, key) != value:
            git.run("config", f"--{scope}", "--replace-all", key, value)
            done.config.append(f"{key} set")
    path = attributes_path(git, scope, tracked=tracked)
    done.attributes_file = str(path)
    old = _read(path)
    new = _without_block(old)
    block = "".join(f"{line}\n" for line in (_BEGIN, *(f"{item} merge={NAME}" for item in PATTERNS), _END))
    new = new + ("\n" if new and not new.endswith("\n") else "") + block
    if _block_in(old) != block:
        _write(path, new)
        done.attributes.append(f"{', '.join(PATTERNS)} merge={NAME}")
    return done


def uninstall(repo: Path, scope: Scope) -> Done:
    """Takes back what `install` wrote, in .gitattributes too; nothing else.

    Raises:
        VcsError: no repository, or a file that cannot be written.
    """
    git = Git(repo)
    done = Done()
    for section in (f"merge.{NAME}", f"mergetool.{NAME}"):
        if (
            git.call("config", f"--{scope}", "--get-regexp", f"^{section.replace('.', chr(92) + '.')}\\.")[0]
            == 0
        ):
            git.run("config", f"--{scope}", "--remove-section", section)
            done.config.append(f"{section} removed")
    places = [attributes_path(git, scope, tracked=False)]
    if scope == "local":
        places.append(attributes_path(git, scope, tracked=True))
    for path in places:
        old = _read(path)
        if _block_in(old):
            rest = _without_block(old)
            if rest:
                _write(path, rest)
            else:
                path.unlink()
            done.attributes.append(f"{path}: {', '.join(PATTERNS)} merge={NAME} removed")
    return done


def attributes_path(git: Git, scope: Scope, *, tracked: bool) -> Path:
    """The file of attributes of a scope.

    Raises:
        VcsError: there is no repository.
    """
    if scope == "global":
        code, out, _ = git.call("config", "--global", "--type=path", "core.attributesFile")
        named = out.decode("utf-8", "surrogateescape").rstrip("\n") if code == 0 else ""
        if named:
            return Path(named).expanduser()
        home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        return Path(home) / "git" / "attributes"
    if tracked:
        return Path(git.text("rev-parse", "--show-toplevel")) / ".gitattributes"
    path = Path(git.text("rev-parse", "--git-path", "info/attributes"))
    return path if path.is_absolute() else git.folder / path


def _value(git: Git, scope: Scope, key: str) -> str | None:
    code, out, error = git.call("config", f"--{scope}", "--get-all", key)
    if code not in (0, 1):
        raise VcsError(
            f"git config: {error.strip().splitlines()[0] if error.strip() else f'ended with {code}'}"
        )
    return out.decode("utf-8", "surrogateescape").removesuffix("\n") if code == 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise VcsError(f"{path} cannot be read: {error.strerror}") from error


def _span(text: str) -> tuple[int, int] | None:
    """Where our lines stand in a file of attributes."""
    start = text.find(f"{_BEGIN}\n")
    end = text.find(f"{_END}\n", start)
    return (start, end + len(_END) + 1) if start >= 0 and end >= 0 else None


def _block_in(text: str) -> str:
    span = _span(text)
    return text[slice(*span)] if span else ""


def _without_block(text: str) -> str:
    span = _span(text)
    return text[: span[0]] + text[span[1] :] if span else text


def _write(path: Path, text: str) -> None:
    """Writes a file in one step; through a symbolic link, as people keep their own files under version control."""
    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise VcsError(f"{path} cannot be written: {error.strerror}") from error

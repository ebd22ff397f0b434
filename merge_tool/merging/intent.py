"""What a side of a conflict did, in a few words: for the person who decides between the two."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from merge_tool.model.text import counted

_NAME = re.compile(r"[^\W\d]\w*")
_STRING = re.compile(
    r"""(?s)[rbfuRBFU]{0,2}(\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
)
_COMMENT = re.compile(r"#[^\n]*")
_DEFINED = re.compile(r"^[ \t]*(?:async[ \t]+)?(def|class)[ \t]+(\w+)", re.MULTILINE)
_WORDS = frozenset(
    """False None True and as assert async await break class continue def del elif else except finally for from global if
    import in is lambda nonlocal not or pass raise return try while with self cls""".split()  # noqa: SIM905
)
SHOWN = 4


def intent(base: str, side: str) -> str:
    """What was done to make `side` of `base`, such as `adds bot_id; removes user_id`.

    Works on any text: nothing has to parse. Names in strings and comments do not count.
    """
    if side == base:
        return "leaves it as it was"
    if not side.strip():
        return f"removes {_lines(base)}"
    if not base.strip():
        made = [f"{kind} {name}" for kind, name in _DEFINED.findall(side)]
        return f"adds {_some(made) if made else _lines(side)}"
    if _squeezed(base) == _squeezed(side):
        return "changes the layout only"
    if _squeezed(_COMMENT.sub("", base)) == _squeezed(_COMMENT.sub("", side)):
        return "changes comments only"
    before, after = _names(base), _names(side)
    gone, come = before - after, after - before
    said = []
    if len(gone) == 1 and len(come) == 1 and gone.total() == come.total():
        said.append(f"renames {next(iter(gone))} to {next(iter(come))}")
    else:
        defined = {name for _, name in _DEFINED.findall(side)} - {name for _, name in _DEFINED.findall(base)}
        lost = {name for _, name in _DEFINED.findall(base)} - {name for _, name in _DEFINED.findall(side)}
        said += [f"adds the definition of {_some(sorted(defined))}"] if defined else []
        said += [f"removes the definition of {_some(sorted(lost))}"] if lost else []
        new = [name for name in come if name not in before and name not in defined]
        old = [name for name in gone if name not in after and name not in lost]
        said += [f"adds {_some(new)}"] if new else []
        said += [f"removes {_some(old)}"] if old else []
    if said:
        return "; ".join(said)
    if Counter(_STRING.findall(base)) != Counter(_STRING.findall(side)) or _strings(base) != _strings(side):
        return "changes a text"
    grown = len(side.splitlines()) - len(base.splitlines())
    return (
        f"adds {counted(grown, 'line')}"
        if grown > 0
        else f"removes {counted(-grown, 'line')}"
        if grown < 0
        else "changes values or order"
    )


def _names(text: str) -> Counter[str]:
    plain = _COMMENT.sub("", _STRING.sub('""', text))
    return Counter(name for name in _NAME.findall(plain) if name not in _WORDS)


def _strings(text: str) -> list[str]:
    return sorted(match.group(0) for match in _STRING.finditer(text))


def _squeezed(text: str) -> str:
    return re.sub(r"\s+|,(?=\s*[)\]}])", "", text)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more


def _lines(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return counted(len(lines), "line") if len(lines) != 1 else f"`{lines[0].strip()[:60]}`"

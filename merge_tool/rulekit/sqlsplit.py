"""Cuts a text of SQL into statements, and takes `DO` blocks apart: what revisions hand to the database as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product

HOLE = "{?}"  # a part that cannot be told
_MOST = 300  # statements that one EXECUTE of a loop stands for
_DO = re.compile(r"DO\s+(?:LANGUAGE\s+\w+\s+)?(\$\w*\$)(.*)\1", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"\b(?:THEN|LOOP|BEGIN|ELSE)\b", re.IGNORECASE)
_LOOP = re.compile(
    r"\bFOR(?:EACH)?\s+(\w+)\s+IN\s+(?:ARRAY\s+|SELECT\s+|EXECUTE\s+)?(.*?)\s*\bLOOP\b", re.IGNORECASE | re.DOTALL
)  # fmt: skip
_ARRAY = re.compile(r"(?:unnest\s*\(\s*)?ARRAY\s*\[(.*?)\]", re.IGNORECASE | re.DOTALL)
_BRACES = re.compile(r"'\{([^']*)\}'")
_DECLARED = re.compile(r"\b(\w+)\s+(?:CONSTANT\s+)?[\w ]+(?:\[\])?\s*(?::=|=|DEFAULT)\s*(.*)", re.IGNORECASE | re.DOTALL)  # fmt: skip
_LITERAL = re.compile(r"E?'((?:[^']|'')*)'(?:\s*::\s*[\w\[\]]+)?", re.IGNORECASE)
_PLACE = re.compile(r"%(?:(\d+)\$)?(?:-?\d+)?([IsL%])")


def statements(text: str) -> list[str]:
    """A text of SQL cut at its semicolons, spaces squeezed; those in quotes and `$$` bodies do not cut. Comments are left out."""
    found: list[str] = []
    current: list[str] = []
    for part, kind in _parts(text):
        if kind == "comment":
            current.append(" ")
        elif kind == ";":
            found.append("".join(current))
            current = []
        else:
            current.append(part)
    found.append("".join(current))
    return [squeezed for item in found if (squeezed := " ".join(item.split()))]


def unfolded(text: str) -> list[str]:
    """The statements of a text; a `DO` block gives those that it runs, with the constants that its loops go over put in."""
    found: list[str] = []
    for part, block in _whole(text):
        found.extend(_inner(block) if block is not None else [part])
    return found


def masked(text: str) -> str:
    """The text with what stands in quotes and `$$` bodies blotted out, of the same length."""
    return "".join(
        part if kind in ("", ";") else part[0] + "_" * (len(part) - 2) + part[-1] if len(part) > 1 else part
        for part, kind in _parts(text)
    )


def top_level(text: str) -> list[str]:
    """A list cut at the commas that stand in no brackets and no quotes."""
    found, depth, start = [], 0, 0
    for position, char in enumerate(masked(text)):
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and depth == 0:
            found.append(text[start:position].strip())
            start = position + 1
    found.append(text[start:].strip())
    return [item for item in found if item]


def _whole(text: str) -> Iterator[tuple[str, str | None]]:
    """Each statement squeezed, and the body of it where it is a `DO` block, as written: its comments end with their lines."""
    current: list[str] = []
    for part, kind in (*_parts(text), ("", ";")):
        if kind == ";":
            raw = "".join(current).strip()
            block = _DO.match(raw)
            if raw:
                yield " ".join(raw.split()), block[2] if block else None
            current = []
        else:
            current.append(" " if kind == "comment" else part)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """The text in parts, each with its kind: `quoted`, `comment`, `;` or "" for all else."""
    position = 0
    while position < len(text):
        char, kind, end = text[position], "", position + 1
        if char in "'\"":
            close = text.find(char, position + 1)
            end, kind = (len(text) if close < 0 else close + 1), "quoted"
        elif char == "$":
            tag = re.match(r"\$(?:[^\W\d]\w*)?\$", text[position:])
            again = text.find(tag[0], position + len(tag[0])) if tag else -1
            if tag and again > 0:
                end, kind = again + len(tag[0]), "quoted"
        elif text.startswith("--", position):
            close = text.find("\n", position)
            end, kind = (len(text) if close < 0 else close), "comment"
        elif text.startswith("/*", position):
            end, kind = _comment_end(text, position), "comment"
        elif char == ";":
            kind = ";"
        else:
            plain = re.compile(r"[^'\"$;/-]+").match(text, position)
            end = plain.end() if plain else end
        yield text[position:end], kind
        position = end


def _comment_end(text: str, position: int) -> int:
    """Where a block comment ends; PostgreSQL lets them nest."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, position):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)


def _inner(body: str) -> Iterator[str]:
    arrays: dict[str, list[str]] = {}
    values: dict[str, list[str]] = {}
    for part in statements(body):
        declared = _DECLARED.match(re.sub(r"^\s*DECLARE\b", "", part, flags=re.IGNORECASE).strip())
        if declared and (listed := _listed(declared[2], arrays)):
            arrays[declared[1].lower()] = listed
        for loop in _LOOP.finditer(part):
            values[loop[1].lower()] = _listed(loop[2], arrays)
        controls = list(_CONTROL.finditer(masked(part)))
        rest = part[controls[-1].end() :].strip() if controls else part
        ran = re.match(r"EXECUTE\s+(.*)", rest, re.IGNORECASE | re.DOTALL)
        if ran:
            for text in _expression(ran[1], values):
                yield from statements(text)
        elif rest:
            yield rest


def _listed(text: str, arrays: Mapping[str, list[str]]) -> list[str]:
    array, braces = _ARRAY.match(text.strip()), _BRACES.match(text.strip())
    if array:
        return [item.replace("''", "'") for item in _LITERAL.findall(array[1])]
    if braces:
        return [item.strip().strip('"') for item in braces[1].split(",")]
    return arrays.get(text.strip().lower(), [])


def _literal(text: str) -> str | None:
    """The text of a literal, or None where it is something else."""
    quoted = _LITERAL.fullmatch(text.strip())
    if quoted is not None:
        return quoted[1].replace("''", "'")
    dollar = re.fullmatch(r"(\$\w*\$)(.*)\1", text.strip(), re.DOTALL)
    return dollar[2] if dollar is not None else None


def _expression(text: str, values: Mapping[str, list[str]]) -> list[str]:
    """What the expression behind EXECUTE can be."""
    text = re.split(r"\s+(?:USING|INTO)\s+(?=[^'$]*$)", text, maxsplit=1, flags=re.IGNORECASE)[0].strip()
    call = re.fullmatch(r"format\s*\((.*)\)", text, re.IGNORECASE | re.DOTALL)
    if call:
        parts = top_level(call[1])
        pattern = _literal(parts[0]) if parts else None
        return [HOLE] if pattern is None else _filled(pattern, parts[1:], values)
    pieces = [item.strip() for item in _joined(text)]
    literals = [_literal(item) for item in pieces]
    pattern = "".join("%s" if item is None else item.replace("%", "%%") for item in literals)
    args = [piece for piece, literal in zip(pieces, literals, strict=True) if literal is None]
    return _filled(pattern, args, values)


def _joined(text: str) -> list[str]:
    hidden = masked(text)
    cuts = [match.start() for match in re.finditer(r"\|\|", hidden)]
    return [text[start:end] for start, end in zip([0, *(cut + 2 for cut in cuts)], [*cuts, len(text)], strict=True)]  # fmt: skip


def _filled(pattern: str, args: list[str], values: Mapping[str, list[str]]) -> list[str]:
    names = [re.sub(r"^quote_ident\s*\((.*)\)$", r"\1", item.strip(), flags=re.IGNORECASE).strip() for item in args]  # fmt: skip
    free = sorted({name.lower() for name in names if values.get(name.lower())})
    found = []
    for chosen in product(*(values[name] for name in free)):
        bound = dict(zip(free, chosen, strict=True))
        shown = [_shown(name, bound) for name in names]
        found.append(_placed(pattern, shown))
        if len(found) >= _MOST:
            break
    return found


def _shown(name: str, bound: Mapping[str, str]) -> str:
    literal = _literal(name)
    return bound.get(name.lower(), HOLE) if literal is None else literal


def _placed(pattern: str, shown: list[str]) -> str:
    position = 0

    def put(match: re.Match[str]) -> str:
        nonlocal position
        if match[2] == "%":
            return "%"
        number = int(match[1]) - 1 if match[1] else position
        position = number + 1
        return shown[number] if 0 <= number < len(shown) else HOLE

    return _PLACE.sub(put, pattern)

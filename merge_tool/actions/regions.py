"""Parts of a generated file that people write, and that stay when it is generated again."""

from __future__ import annotations

import re

_REGION = re.compile(
    r"^(?P<open>[ \t]*(?:<!-- keep: (?P<a>[\w.-]+) -->|# keep: (?P<b>[\w.-]+)))[ \t]*\n"
    r"(?P<body>.*?)"
    r"^(?P<close>[ \t]*(?:<!-- /keep: (?P=a) -->|# /keep: (?P=b)))[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


def regions(text: str) -> dict[str, str]:
    """The hand-written regions of a text by name, each with its lines.

    A region stands between `<!-- keep: NAME -->` and `<!-- /keep: NAME -->`, or `# keep: NAME` and `# /keep: NAME`.
    """
    return {match["a"] or match["b"]: match["body"] for match in _REGION.finditer(text)}


def keep_regions(old: str, new: str) -> tuple[str, tuple[str, ...]]:
    """`new` with what people wrote into the regions of `old`.

    Returns:
        The text, and the names of regions that `new` has no place for; those stand at its end, so that nothing is lost.
    """
    written = regions(old)
    placed = set(regions(new))

    def fill(match: re.Match[str]) -> str:
        name = match["a"] or match["b"]
        body = written.get(name, match["body"])
        return f"{match['open']}\n{body}{match['close']}"

    text = _REGION.sub(fill, new)
    homeless = tuple(name for name in written if name not in placed)
    blocks = [match[0] for match in _REGION.finditer(old) if (match["a"] or match["b"]) in homeless]
    if blocks:
        text = text.rstrip("\n") + "\n\n" + "\n\n".join(blocks) + "\n"
    return text, homeless

"""Pictures as inline SVG. Colours are classes of the page's style, so that they fit light, dark and paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from merge_tool.model.text import one_line
from merge_tool.report.lines import ConflictLine, PhaseLine, StoryLine

_BOX, _GAP_X, _GAP_Y, _ROW = (92, 26), 44, 12, 22


def story_graph(stories: Sequence[StoryLine]) -> Markup:
    """The stories by what they wait for, from left to right; a box links to its story. Empty where none waits for another."""
    known = {item.id: item for item in stories}
    edges = [
        (need.partition("#")[0], item.id)
        for item in stories
        for need in item.depends_on
        if need.partition("#")[0] in known
    ]
    if not edges:
        return Markup("")
    column = _columns(known, edges)
    rows: dict[int, int] = {}
    place: dict[str, tuple[int, int]] = {}
    for item in stories:
        at = column[item.id]
        place[item.id] = (8 + at * (_BOX[0] + _GAP_X), 8 + rows.get(at, 0) * (_BOX[1] + _GAP_Y))
        rows[at] = rows.get(at, 0) + 1
    width = 16 + (max(rows) + 1) * _BOX[0] + max(rows) * _GAP_X
    height = 16 + max(rows.values()) * (_BOX[1] + _GAP_Y)
    lines = [_edge(place[one], place[other]) for one, other in _needed(edges, column)]
    boxes = [_box(item, *place[item.id]) for item in stories]
    return _svg(width, height, "Stories by what they wait for", [*lines, *boxes], links=True)


def _needed(edges: Sequence[tuple[str, str]], column: Mapping[str, int]) -> list[tuple[str, str]]:
    """The edges without those that other edges imply, so that the picture can be followed."""
    above: dict[str, set[str]] = {}
    direct: dict[str, list[str]] = {}
    for one, other in dict.fromkeys(edges):
        if column[one] < column[other]:
            direct.setdefault(other, []).append(one)
    for story in sorted(direct, key=lambda name: column[name]):
        above[story] = set(direct[story]).union(*(above.get(one, ()) for one in direct[story]))
    return [
        (one, story)
        for story, ones in direct.items()
        for one in ones
        if not any(one in above.get(other, ()) for other in ones)
    ]


def _columns(known: Mapping[str, StoryLine], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The longest way to each story; a circle, which no valid plan has, ends after as many rounds as there are stories."""
    column = dict.fromkeys(known, 0)
    for _ in known:
        moved = False
        for one, other in edges:
            if column[other] <= column[one] < len(known):
                column[other], moved = column[one] + 1, True
        if not moved:
            break
    return column


def _edge(one: tuple[int, int], other: tuple[int, int]) -> Markup:
    x1, y1 = one[0] + _BOX[0], one[1] + _BOX[1] // 2
    x2, y2 = other[0], other[1] + _BOX[1] // 2
    return Markup('<path class="edge" d="M{} {} C{} {} {} {} {} {}"/>').format(
        x1, y1, x1 + _GAP_X // 2, y1, x2 - _GAP_X // 2, y2, x2, y2
    )


def _box(item: StoryLine, x: int, y: int) -> Markup:
    return Markup(
        '<a href="#s-{id}"><title>{id}: {title} ({status})</title>'
        '<rect class="box {status}" x="{x}" y="{y}" width="{w}" height="{h}" rx="5"/>'
        '<text class="name" x="{tx}" y="{ty}" text-anchor="middle">{short}</text></a>'
    ).format(
        id=one_line(item.id), title=one_line(item.title), status=item.status, x=x, y=y, w=_BOX[0], h=_BOX[1],
        tx=x + _BOX[0] // 2, ty=y + 17, short=one_line(item.id)[:12],
    )  # fmt: skip


def rule_bars(rules: Sequence[tuple[str, int, int]], most: int = 16) -> Markup:
    """Findings by rule, before and after: the rules whose count changed, most changed first; all where none did."""
    moved = [item for item in rules if item[1] != item[2]] or rules
    chosen = sorted(moved, key=lambda item: (-abs(item[2] - item[1]), -item[2], item[0]))[:most]
    if not chosen:
        return Markup("")
    top = max(max(before, after) for _, before, after in chosen) or 1
    parts = []
    for number, (code, before, after) in enumerate(chosen):
        y = number * (_ROW + 8) + 4
        parts += [
            _label(code, 4, y + 17),
            *_bar("before", 70, y, before, top, f"{code} before: {before}"),
            *_bar("after", 70, y + 13, after, top, f"{code} after: {after}"),
        ]
    return _svg(620, len(chosen) * (_ROW + 8) + 8, "Findings by rule, before and after", parts)


def step_bars(conflicts: Iterable[ConflictLine]) -> Markup:
    """Hunks by the step that merged them, and files that a person resolved or that are open."""
    counts: dict[str, int] = {}
    for item in conflicts:
        for hunk in item.hunks:
            counts[hunk.step] = counts.get(hunk.step, 0) + 1
        if not item.hunks:
            name = "by a person" if item.status == "resolved" else item.how or item.status
            counts[name] = counts.get(name, 0) + 1
    if not counts:
        return Markup("")
    top = max(counts.values())
    parts = []
    for number, (name, count) in enumerate(sorted(counts.items(), key=lambda item: -item[1])):
        y = number * _ROW + 4
        parts += [
            _label(name[:26], 4, y + 11),
            *_bar("after", 190, y, count, top, f"{name}: {count}", room=370),
        ]
    return _svg(620, len(counts) * _ROW + 8, "Conflicts by the step that resolved them", parts)


def burn_down(phases: Sequence[PhaseLine], stories: Sequence[StoryLine]) -> Markup:
    """Estimated hours that are left after each phase: as planned, and as it stands. Empty without estimates."""
    total = sum(item.estimate_hours for item in phases)
    if total <= 0 or len(phases) < 2:
        return Markup("")
    left, top, width, height = 44, 12, 540, 150
    step = width / len(phases)
    planned, real = [total], [total]
    begun = 0
    for number, phase in enumerate(phases, 1):
        done = sum(
            item.estimate_hours
            for item in stories
            if item.phase == phase.number and item.status in ("done", "skipped")
        )
        planned.append(planned[-1] - phase.estimate_hours)
        real.append(real[-1] - done)
        begun = number if done else begun

    def points(values: Sequence[float]) -> str:
        return " ".join(
            f"{left + at * step:.1f},{top + height * (1 - max(value, 0) / total):.1f}"
            for at, value in enumerate(values)
        )

    parts = [
        Markup('<line class="axis" x1="{0}" y1="{1}" x2="{0}" y2="{2}"/>').format(left, top, top + height),
        Markup('<line class="axis" x1="{0}" y1="{1}" x2="{2}" y2="{1}"/>').format(
            left, top + height, left + width
        ),
        _label(f"{total:g} h", 0, top + 8),
        _label("0", left - 14, top + height),
        Markup('<polyline class="planned" points="{}"><title>planned</title></polyline>').format(
            points(planned)
        ),
        Markup('<polyline class="real" points="{}"><title>as it stands</title></polyline>').format(
            points(real[: begun + 1])
        ),
    ]
    for at, phase in enumerate(phases, 1):
        parts.append(
            Markup(
                '<text class="name" x="{:.1f}" y="{}" text-anchor="middle">{}<title>{}</title></text>'
            ).format(left + at * step, top + height + 16, phase.number, one_line(phase.title))
        )
    if begun:
        x, y = points(real[: begun + 1]).split()[-1].split(",")
        parts.append(
            Markup('<circle class="dot" cx="{}" cy="{}" r="4"><title>{:g} h left</title></circle>').format(
                x, y, real[begun]
            )
        )
    return _svg(left + width + 16, top + height + 24, "Estimated hours left after each phase", parts)


def _bar(kind: str, x: int, y: int, count: int, top: int, title: str, room: int = 490) -> list[Markup]:
    wide = round(room * count / top, 1)
    return [
        Markup('<rect class="bar {}" x="{}" y="{}" width="{}" height="11"><title>{}</title></rect>').format(
            kind, x, y, wide, one_line(title)
        ),
        Markup('<text class="count" x="{}" y="{}">{}</text>').format(x + wide + 5, y + 10, count),
    ]


def _label(text: str, x: int, y: int) -> Markup:
    return Markup('<text class="name" x="{}" y="{}">{}</text>').format(x, y, one_line(text))


def _svg(width: float, height: float, name: str, parts: Iterable[Markup], *, links: bool = False) -> Markup:
    # With links inside it is a group: a picture's contents are hidden from those who cannot see it.
    role = "group" if links else "img"
    return Markup(
        '<svg class="chart" viewBox="0 0 {0:g} {1:g}" width="{0:g}" height="{1:g}" role="{2}" aria-label="{3}">{4}</svg>'
    ).format(width, height, role, name, Markup("").join(escape(part) for part in parts))

"""Looks at the merged text as a whole, and takes back the stretches from which something wrong comes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from merge_tool.merging.assembly import Assembly
from merge_tool.merging.bindings import newly_unbound
from merge_tool.merging.checks import came_in, count_problems, lost_imports, tree_problem, twice_in
from merge_tool.merging.facts import facts_of, parse
from merge_tool.merging.trials import Material, Trial, stretches


@dataclass(frozen=True)
class Review:
    """What a whole text came to.

    Attributes:
        problem: what is wrong with it although no stretch is to blame: the lines that git merged are.
        lost: names that the text reads and whose import it took out.
    """

    problem: str = ""
    lost: frozenset[str] = frozenset()


def review(material: Material, trials: Sequence[Trial]) -> Review:
    """Undoes stretches until the text, with ours in what is left, has nothing wrong that comes from one.

    One parse where nothing is wrong.
    """
    while True:
        made, text = _whole(material, trials)
        done = [trial for trial in trials if trial.text is not None]
        if trials and not done:
            return Review()
        problem, guilty, found = _look(material, trials, done, text, made.spans)
        if not problem:
            return found
        if not done:
            return Review(problem)
        for trial in guilty or done:
            trial.leave(problem)


def _whole(material: Material, trials: Sequence[Trial]) -> tuple[Assembly, str]:
    """The text with what was merged, and ours in what is left."""
    made = Assembly(
        material.regions, material.ours, material.theirs, lambda region: "".join(material.ours[slice(*region.ours)])
    )  # fmt: skip
    return made, made.build(stretches(trials))


def leave_unbound(material: Material, trials: Sequence[Trial]) -> str:
    """Undoes stretches of a text that is merged to its end but reads a name that one side removed.

    Returns:
        What is wrong where no stretch is to blame, else "".
    """
    if any(trial.text is None for trial in trials):
        return ""
    _, text = _whole(material, trials)
    for name in sorted(newly_unbound(text, "".join(material.ours), "".join(material.theirs))):
        problem = f"one side removed {name}, and the other still uses it"
        word = re.compile(rf"\b{re.escape(name)}\b")
        guilty = [trial for trial in trials if word.search(trial.sides(material))]
        if not guilty:
            return problem
        for trial in guilty:
            trial.leave(problem)
    return ""


def _look(
    material: Material, trials: Sequence[Trial], done: list[Trial], text: str, spans: list[tuple[int, int]]
) -> tuple[str, list[Trial], Review]:
    """`(what is wrong, the stretches it comes from, what else there is to say)`."""
    try:
        tree = parse(text)
    except SyntaxError as error:
        line = error.lineno or 0
        near = [trial for trial, (start, end) in zip(done, spans, strict=True) if start <= line <= end + 1]
        return f"the merge does not parse: {error.msg}", near, Review()
    came = came_in("".join(material.ours), text)
    doubled = ""
    if tree_problem(tree, [*spans, *came], frozenset()):
        known = twice_in(material.trees[1]) | twice_in(material.trees[2])
        if problem := tree_problem(tree, spans, known):
            return problem, [], Review()
        if problem := tree_problem(tree, came, known):
            doubled = f"the lines merge, but {problem}"
    merged = facts_of(tree)
    left = "".join(trial.sides(material) for trial in trials if trial.text is None)
    for fact in count_problems(material.facts, merged):
        name = fact[-1].rpartition(".")[2].strip("'\"")
        near = [trial for trial in done if name in trial.sides(material)]
        what = f"the {fact[0]} {fact[-1]}"
        if name in left:
            continue
        if near:
            return f"{what} would be lost or doubled", near, Review()
        if merged[fact] > max(side[fact] for side in material.facts):
            doubled = f"the lines merge, but {what} is doubled"
    return "", [], Review(doubled, frozenset(lost_imports(tree, material.facts[0], merged)))

"""What must fit together in a plan beyond its types: names that git takes, ids, references, cycles, exclusions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from merge_tool.errors import PlanError
from merge_tool.model.plan import Phase, Story
from merge_tool.plan import names
from merge_tool.plan.order import find_cycle, split_reference
from merge_tool.plan.problems import nearest
from merge_tool.plan.shapes import PlanShape
from merge_tool.plan.yaml_source import Key, YamlSource

_CRITERION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CODE = re.compile(r"[A-Z][A-Z0-9]*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?")
_READ_ONLY = re.compile(r"\s*(select|with|explain|show|values|table)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{[^{}]*\}?|\}")

# Fields of actions that hold paths or patterns of the repository, whatever the action.
_PATH_FIELDS = ("paths", "path", "inventory", "versions", "report")
_ACTION_NAMES: dict[tuple[str, str], tuple[Callable[[str], str], str]] = {
    ("branch", "name"): (names.template_problem, names.TEMPLATE_HINT),
    ("branch", "start"): (names.commit_problem, names.COMMIT_HINT),
    ("backup", "branch"): (names.template_problem, names.TEMPLATE_HINT),
    ("fetch", "remote"): (names.ref_problem, names.REF_HINT),
    ("fetch", "branch"): (names.ref_problem, names.REF_HINT),
    ("cherry_pick", "commits"): (names.commit_problem, names.COMMIT_HINT),
}


class Checks:
    """Notes what is wrong in `problems`; see the methods."""

    def __init__(
        self, source: YamlSource, problems: list[PlanError], codemod_names: Collection[str] | None
    ) -> None:
        self.source = source
        self.problems = problems
        self.codemod_names = codemod_names

    def _no(self, key: Sequence[str | int], message: str, hint: str) -> None:
        self.problems.append(self.source.error(key, message, hint))

    def _each(self, values: Iterable[str], key: Key, problem: Callable[[str], str], hint: str) -> None:
        for index, value in enumerate(values):
            if found := problem(value):
                self._no((*key, index), found, hint)

    def _line(self, text: str, key: Key) -> None:
        """Titles and names end up in commit messages and on terminals."""
        if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
            self._no(key, f"{key[-1]!r} must be one line without control characters", "remove them")

    def top(self, plan: PlanShape, phases: Sequence[Phase]) -> None:
        """What stands above the phases, and the exclusions against the picks."""
        self._line(plan.title, ("title",))
        for name in ("remote", "branch"):
            if found := names.ref_problem(getattr(plan.upstream, name)):
                self._no(("upstream", name), found, names.REF_HINT)
        if plan.upstream.commit and (found := names.commit_problem(plan.upstream.commit)):
            self._no(("upstream", "commit"), found, names.COMMIT_HINT)
        for name in ("merge_branch", "backup_branch"):
            if found := names.template_problem(getattr(plan.git, name)):
                self._no(("git", name), found, names.TEMPLATE_HINT)
        self._subject(plan.git.commit_subject)
        if plan.policy.startswith("-") or (found := names.path_problem(plan.policy)):
            self._no(("policy",), found, "give a bundled policy's name or a policy file of the repository")
        commits = [item.commit for item in plan.exclusions.commits]
        for index, commit in enumerate(commits):
            key: Key = ("exclusions", "commits", index, "commit")
            if found := names.commit_problem(commit):
                self._no(key, found, names.COMMIT_HINT)
            elif any(names.same_commit(commit, other) for other in commits[:index]):
                self._no(key, f"the commit {commit} is excluded twice", "remove one of them")
        for index, item in enumerate(plan.exclusions.paths):
            if found := names.path_problem(item.pattern):
                self._no(("exclusions", "paths", index, "pattern"), found, names.PATH_HINT)
        self._picks(phases, commits)

    def _subject(self, subject: str) -> None:
        key: Key = ("git", "commit_subject")
        for found in _PLACEHOLDER.findall(subject):
            if found not in ("{id}", "{title}"):
                self._no(key, f"{found} is not a placeholder of a commit's subject", "use {id} and {title}")
        if "{id}" not in subject:
            self._no(
                key, "the commit's subject does not hold {id}", "add {id}, so that commits can be told apart"
            )
        self._line(subject, key)

    def _picks(self, phases: Sequence[Phase], excluded: Sequence[str]) -> None:
        for phase in phases:
            for story in phase.stories:
                for spec in story.actions:
                    for commit in getattr(spec.action, "commits", ()) if spec.kind == "cherry_pick" else ():
                        if hit := next((item for item in excluded if names.same_commit(item, commit)), ""):
                            message = f"story {story.id} picks {commit}, which the plan excludes as {hit}"
                            hint = "remove it from the story, or from exclusions"
                            self.problems.append(PlanError(message, hint=hint, where=str(spec.at)))

    def story(self, story: Story, key: Key) -> None:
        """One story by itself."""
        if found := names.story_id_problem(story.id):
            self._no((*key, "id"), found, names.ID_HINT)
        elif story.phase >= 0 and story.id.split(".")[0] != str(story.phase):
            hint = f"call it {story.phase}.{story.id.partition('.')[2]}, or move it to phase {story.id.split('.')[0]}"
            self._no((*key, "id"), f"story {story.id} stands in phase {story.phase}", hint)
        self._line(story.title, (*key, "title"))
        self._each(story.files, (*key, "files"), names.path_problem, names.PATH_HINT)
        if story.batches:
            self._each(
                story.batches.patterns, (*key, "batches", "patterns"), names.path_problem, names.PATH_HINT
            )
            extra = len(story.batches.checkpoints) - story.batches.count
            if extra > 0:
                message = f"{len(story.batches.checkpoints)} checkpoints for {story.batches.count} batches"
                self._no((*key, "batches", "checkpoints"), message, "give one a batch at most")

    def action(self, kind: str, action: Any, key: Key) -> None:
        """The names and paths in one action."""
        for item in fields(action) if is_dataclass(action) else ():
            value, here = getattr(action, item.name), (*key, item.name)
            check, hint = _ACTION_NAMES.get((kind, item.name), (None, ""))
            if check is None and item.name in _PATH_FIELDS:
                check, hint = names.path_problem, names.PATH_HINT
            if check is not None and isinstance(value, tuple):
                self._each(value, here, check, hint)
            elif check is not None and isinstance(value, str):
                needed = item.name in ("name", "path")  # others may be left empty
                if (value or needed) and (found := check(value)):
                    self._no(here, found, hint)
        if kind == "test":
            self._each(getattr(action, "nodes", ()), (*key, "nodes"), _node_problem, _NODE_HINT)
        if kind == "validate":
            self._each(getattr(action, "select", ()), (*key, "select"), _code_problem, _CODE_HINT)
        if kind == "codemod" and self.codemod_names is not None and action.name not in self.codemod_names:
            self._no(
                (*key, "name"), f"unknown codemod {action.name!r}", nearest(action.name, self.codemod_names)
            )

    def check(self, kind: str, options: Any, key: Key) -> None:
        """The options of one criterion's check."""
        if kind == "validate":
            self._each(options.select, (*key, "select"), _code_problem, _CODE_HINT)
            self._each(options.paths, (*key, "paths"), names.path_problem, names.PATH_HINT)
        elif kind in ("test", "count"):
            self._each(options.nodes, (*key, "nodes"), _node_problem, _NODE_HINT)
        elif kind == "query" and not _READ_ONLY.match(options.sql):
            self._no((*key, "sql"), "a check's query must only read", "begin it with SELECT, WITH or EXPLAIN")
        elif kind == "schema":
            if not _IDENTIFIER.fullmatch(options.table) and (options.table or not options.live):
                self._no(
                    (*key, "table"),
                    f"{options.table!r} is not a table's name",
                    "write it as the database has it",
                )
            if not (options.columns or options.indexes or options.live):
                self._no(key, "the schema check asks for nothing", "name columns or indexes")

    def whole(self, phases: Sequence[Phase], data: dict[str, Any]) -> None:
        """Ids, references and cycles over all phases."""
        self._numbers(phases)
        stories = [(story, self._key_of(story)) for phase in phases for story in phase.stories]
        self._unique(((story.id, (*key, "id")) for story, key in stories), "story id")
        criteria = (
            (item.id, self._key_at(item.at, key)) for story, key in stories for item in story.criteria
        )
        self._unique(criteria, "criterion id", _CRITERION_ID)
        by_id = {story.id: story for story, _ in stories}
        known = _ids_in(data) | set(by_id)
        for story, key in stories:
            self._references(story, key, by_id, known)
        unique = list(by_id.values())
        if cycle := find_cycle(unique):
            first = by_id[cycle[0].story_id]
            told = " → ".join(map(str, cycle))
            at = (*self._key_of(first), "depends_on")
            hint = "remove one of these dependencies or checkpoints"
            self._no(at, f"stories wait for each other in a circle: {told} (→ reads: waits for)", hint)

    def _key_of(self, story: Story) -> Key:
        return self._places().get(str(story.at), ())

    def _key_at(self, at: object, key: Key) -> Key:
        found = self._places().get(str(at), key)
        return (*found, "id")

    def _places(self) -> dict[str, Key]:
        if not hasattr(self, "_by_place"):
            # the keys of stories and criteria, by their place; an inner value at the same place does not replace them
            self._by_place = {
                str(place): key
                for key, place in self.source.places.items()
                if key and isinstance(key[-1], int) and key[-2] in ("stories", "criteria")
            }
        return self._by_place

    def _numbers(self, phases: Sequence[Phase]) -> None:
        seen: dict[int, Phase] = {}
        for phase in phases:
            if phase.number in seen:
                message = f"phase {phase.number} stands twice, first at line {seen[phase.number].at.line}"
                self.problems.append(
                    PlanError(message, hint="give each phase its own number", where=str(phase.at))
                )
            seen.setdefault(phase.number, phase)

    def _unique(
        self, items: Iterable[tuple[str, Key]], what: str, form: re.Pattern[str] | None = None
    ) -> None:
        seen: dict[str, Key] = {}
        for name, key in items:
            if name in seen:
                line = self.source.at(seen[name]).line
                self._no(
                    key, f"the {what} {name!r} stands twice, first at line {line}", "give each its own id"
                )
            elif form is not None and not form.fullmatch(name):
                self._no(key, f"{name!r} is not an id", "use letters, digits, '.', '_' and '-'")
            seen.setdefault(name, key)

    def _references(self, story: Story, key: Key, by_id: dict[str, Story], known: set[str]) -> None:
        seen: set[str] = set()
        for index, reference in enumerate(story.depends_on):
            here = (*key, "depends_on", index)
            try:
                name, batch = split_reference(reference)
            except ValueError as error:
                self._no(
                    here,
                    f"{reference!r}: {error}",
                    f'write "{reference.partition("#")[0]}#1" for the first batch',
                )
                continue
            if reference in seen:
                self._no(here, f"{reference} stands twice", "remove one of them")
            seen.add(reference)
            if name not in known:
                self._no(
                    here, f"story {story.id} depends on {name}, which does not exist", nearest(name, known)
                )
            elif batch and (target := by_id.get(name)):
                count = target.batches.count if target.batches else 0
                if batch > count:
                    told = f"it has {count} batches" if count else "it has no batches"
                    self._no(
                        here, f"{reference} does not exist: {told}", f'write "{name}" for the whole story'
                    )
        for index, name in enumerate(story.batches.checkpoints if story.batches else ()):
            if name not in known:
                here = (*key, "batches", "checkpoints", index)
                self._no(here, f"the checkpoint {name} is no story of the plan", nearest(name, known))


def _ids_in(data: dict[str, Any]) -> set[str]:
    """Every story id in the file, those of stories that cannot be used included: a reference to one is no second mistake."""
    found: set[str] = set()
    phases = data.get("phases")
    for phase in phases if isinstance(phases, list) else ():
        stories = phase.get("stories") if isinstance(phase, dict) else None
        for story in stories if isinstance(stories, list) else ():
            if isinstance(story, dict) and isinstance(story.get("id"), (str, int, float)):
                found.add(str(story["id"]))
    return found


_NODE_HINT = "write a test file's path, or path::test_name"
_CODE_HINT = "a code is capital letters and digits, such as TQ1; TQ means all that begin so"


def _node_problem(node: str) -> str:
    return names.path_problem(node.partition("::")[0].partition("[")[0])


def _code_problem(code: str) -> str:
    return "" if _CODE.fullmatch(code) else f"{code!r} is not a rule's code"

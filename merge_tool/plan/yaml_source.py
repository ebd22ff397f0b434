"""YAML read with the position of every value, so that errors are told at their places.

Only the plain types of YAML's core are made (no tags, no objects). Duplicate keys, alias bombs, control characters
and files that are not UTF-8 are errors with their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from merge_tool.errors import PlanError
from merge_tool.model.plan import Location

if TYPE_CHECKING:
    from pydantic import ValidationError

MAX_BYTES = 8 * 1024 * 1024
MAX_NODES = 200_000  # counts every use of an alias again, so that a bomb of nested aliases is stopped

Key = tuple[str | int, ...]

_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")
)
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is about ten times faster


@dataclass(frozen=True)
class YamlSource:
    """A YAML file's data and where each value stands.

    Attributes:
        path: the file as the user named it; it stands in every error.
        data: dicts, lists and scalars.
        places: the location of the value at each path of keys and indexes.
        key_places: the location of the key itself, for each path that ends in one.
        raw: how each plain scalar that is not text (0.10, 2026-01-03, yes) is spelled in the file.
    """

    path: str
    data: Any
    places: dict[Key, Location]
    key_places: dict[Key, Location] = field(default_factory=dict)
    raw: dict[Key, str] = field(default_factory=dict)

    def at(self, key: Sequence[str | int]) -> Location:
        """The location of the value at `key`, or of the nearest value around it."""
        path = tuple(key)
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def error(self, key: Sequence[str | int], message: str, hint: str = "") -> PlanError:
        """A `PlanError` placed at `key`."""
        return PlanError(message, hint=hint, where=str(self.at(key)))

    def key_error(self, key: Sequence[str | int], message: str, hint: str = "") -> PlanError:
        """A `PlanError` placed at the key itself rather than at its value."""
        return PlanError(message, hint=hint, where=str(self.key_places.get(tuple(key)) or self.at(key)))


def read_yaml(path: Path, *, shown: str = "") -> YamlSource:
    """Reads one YAML document.

    Args:
        path: the file.
        shown: how errors name it; the path itself by default.

    Raises:
        PlanError: it cannot be read, is not UTF-8, not YAML, empty, or holds a duplicate key, a tag or too much.
    """
    name = shown or str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PlanError(f"the file is larger than {MAX_BYTES // 2**20} MiB", where=name)
        raw = path.read_bytes()
    except OSError as error:
        raise PlanError(
            f"cannot be read: {error.strerror or error}", where=name, hint="check the path"
        ) from error
    return parse_yaml(raw, name)


def parse_yaml(raw: bytes, name: str) -> YamlSource:
    """Parses one YAML document from bytes; see `read_yaml`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PlanError("not UTF-8", where=f"{name}:{line}", hint="save the file as UTF-8") from error
    loader = _LOADER(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise PlanError("the file is empty", where=f"{name}:1:1", hint="see `merge-tool plan --schema`")
        places: dict[Key, Location] = {}
        builder = _Builder(name, loader, places)
        data = builder.build(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise PlanError(f"not valid YAML: {error.problem or error.context}", where=where) from error
    except yaml.YAMLError as error:
        where, problem = _reader_problem(name, text, error)
        raise PlanError(f"not valid YAML: {problem}", where=where) from error
    except RecursionError as error:
        raise PlanError("nested too deeply", where=name) from error
    finally:
        loader.dispose()
    return YamlSource(name, data, places, builder.keys, builder.raw)


def _reader_problem(name: str, text: str, error: yaml.YAMLError) -> tuple[str, str]:
    """Where and what a reader error (a control character) is: libyaml gives an offset, or nothing."""
    for index, char in enumerate(text):
        if (ord(char) < 32 and char not in "\t\n\r") or ord(char) == 127 or 0xD800 <= ord(char) <= 0xDFFF:
            line = text.count("\n", 0, index) + 1
            column = index - (text.rfind("\n", 0, index) + 1) + 1
            return f"{name}:{line}:{column}", f"the control character U+{ord(char):04X} is not allowed"
    return name, str(error).splitlines()[0]


class _Builder:
    """Makes data from YAML nodes and notes the place of each."""

    def __init__(self, name: str, loader: Any, places: dict[Key, Location]) -> None:
        self.name = name
        self.loader = loader
        self.places = places
        self.keys: dict[Key, Location] = {}
        self.raw: dict[Key, str] = {}
        self.count = 0
        self.open: set[int] = set()

    def build(self, node: yaml.Node, key: Key) -> Any:
        self.count += 1
        place = Location(self.name, node.start_mark.line + 1, node.start_mark.column + 1)
        if self.count > MAX_NODES:
            raise PlanError("aliases expand to too many values", where=str(place))
        self.places[key] = place
        if isinstance(node, yaml.ScalarNode):
            value = self._scalar(node, place)
            if not isinstance(value, str):
                self.raw[key] = node.value
            return value
        if id(node) in self.open:
            raise PlanError("an alias contains itself", where=str(place))
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*key, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, key)
        finally:
            self.open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode, place: Location) -> Any:
        if node.tag not in _TAGS:
            raise PlanError(
                f"the tag {node.tag} is not allowed", where=str(place), hint="write a plain value"
            )
        try:
            return self.loader.construct_object(node)
        except (ValueError, yaml.YAMLError) as error:
            reason = getattr(error, "problem", None) or error
            raise PlanError(
                f"{node.value!r} is not a value: {reason}", where=str(place), hint="put it in quotes"
            ) from error

    def _mapping(self, node: yaml.Node, key: Key) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode) or node.tag != "tag:yaml.org,2002:map":
            raise PlanError(f"the tag {node.tag} is not allowed", where=str(self.places[key]))
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = Location(self.name, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                raise PlanError("a key must be a plain word", where=str(place))
            name = key_node.value
            if name == "<<":
                raise PlanError(
                    "merge keys (<<) are not supported", where=str(place), hint="write the keys out"
                )
            if name in result:
                raise PlanError(f"the key {name!r} stands twice", where=str(place), hint="remove one of them")
            self.keys[(*key, name)] = place
            result[name] = self.build(value_node, (*key, name))
        return result


_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
}


def problems_of(
    source: YamlSource, error: ValidationError, prefix: Sequence[str | int] = ()
) -> list[PlanError]:
    """One `PlanError` with its place for each problem that pydantic found in `source` below `prefix`."""
    found = []
    for item in error.errors(include_url=False):
        path = (*prefix, *(part for part in item["loc"] if isinstance(part, (str, int))))
        name = ".".join(str(part) for part in path) or "the document"
        message = _WORDS.get(item["type"], item["msg"][:1].lower() + item["msg"][1:])
        message = message.removeprefix("value error, ")
        hint = ""
        if item["type"] == "extra_forbidden":
            hint = "check its spelling, or remove it"
        elif item["type"] == "missing":
            hint = "add it"
        found.append(source.error(path, f"{name}: {message}", hint))
    return found


def raise_problems(problems: Sequence[PlanError], name: str, kind: type[PlanError] = PlanError) -> None:
    """Raises one error that holds all of `problems`; returns where there is none."""
    if not problems:
        return
    if len(problems) == 1:
        one = problems[0]
        raise kind(one.message, hint=one.hint, where=one.where)
    lines = "\n".join(f"  {problem}" + (f" ({problem.hint})" if problem.hint else "") for problem in problems)
    raise kind(f"{len(problems)} problems\n{lines}", where=name, problems=tuple(problems))

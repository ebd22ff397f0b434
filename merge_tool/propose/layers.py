"""Which layer of an application a file belongs to: by what it defines, then its folder's name, then what it imports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import IntEnum
from pathlib import PurePosixPath

from merge_tool.index.project import ProjectIndex
from merge_tool.propose.imports import Imports


class Layer(IntEnum):
    """The layers in the order in which they are merged: what others import comes first."""

    SHARED = 1
    MODELS = 2
    DATA = 3
    SERVICES = 4
    HANDLERS = 5
    ROUTES = 6
    FRONT = 7
    TESTS = 8
    REST = 9


TITLES = {
    Layer.SHARED: "Dependencies, configuration and shared code",
    Layer.MODELS: "Models and migrations",
    Layer.DATA: "Data access",
    Layer.SERVICES: "Services",
    Layer.HANDLERS: "Handlers and jobs",
    Layer.ROUTES: "Routes",
    Layer.FRONT: "Front end, templates and texts",
    Layer.TESTS: "Tests",
    Layer.REST: "Documentation, builds and the rest",
}

_WORDS: dict[Layer, str] = {
    Layer.SHARED: """config configs conf settings constants utils util helpers common shared lib libs core types enums
        exceptions errors schemas schema dto dtos logging telemetry i18n localization""",
    Layer.MODELS: "models model entities orm tables migrations migration alembic versions",
    Layer.DATA: """crud cruds repositories repository repo repos dao daos dal queries query managers store stores db
        database databases persistence storage""",
    Layer.SERVICES: """services service usecases use_cases domain logic integrations clients providers external payments
        payment""",
    Layer.HANDLERS: """handlers handler tasks task workers worker jobs job consumers listeners commands cli bot bots
        keyboards states middlewares middleware events scheduler schedulers cron""",
    Layer.ROUTES: """routes route routers router endpoints endpoint views api apis webapi rest graphql resolvers web
        controllers dependencies deps""",
}  # fmt: skip
_LAYER_OF = {word: layer for layer, text in _WORDS.items() for word in text.split()}
_TEST = re.compile(
    r"(^|/)(tests?|testing|e2e)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$|\.(test|spec)\.[jt]sx?$"
)
_BUILD = re.compile(
    r"(^|/)(requirements[^/]*|constraints[^/]*|pyproject\.toml|poetry\.lock|uv\.lock|pdm\.lock|Pipfile(\.lock)?|setup\.(py|cfg)|"
    r"alembic\.ini|\.env[^/]*|[^/]*\.(toml|ini|cfg))$"
)  # fmt: skip
_FRONT = frozenset(
    """.html .htm .jinja .jinja2 .j2 .js .jsx .ts .tsx .mjs .cjs .vue .svelte .css .scss .sass .less .svg .png .jpg .jpeg .gif
    .webp .ico .woff .woff2 .ttf .po .pot .mo .ftl .mjml""".split()  # noqa: SIM905
)
_FRONT_WORDS = re.compile(
    r"(^|/)(frontend|front|webapp|web-app|ui|static|templates|locales?|locale|translations|miniapp|public|assets)/"
)
_DOCS = re.compile(r"(^|/)(docs?|examples?|\.github|\.gitlab|\.circleci)/|\.(md|rst|adoc)$", re.IGNORECASE)


def layers_of(paths: Iterable[str], index: ProjectIndex, imports: Imports) -> dict[str, Layer]:
    """The layer of each file.

    Python files are told by what they define (tables, routes, functions that a framework runs), then by the name nearest
    to the file in its path, and where neither says anything by the highest layer that they import.

    Args:
        paths: the files.
        index: the facts of upstream's Python files; those that are gone there are told by their path alone.
        imports: who imports whom.
    """
    models = {model.path for model in index.all_models()}
    routes = {route.function_path for route in index.routes()}
    jobs = {job.function_path for job in index.all_jobs()}
    known: dict[str, Layer] = {}

    def python(path: str) -> Layer:
        if _TEST.search(path):
            return Layer.TESTS
        if path in models:
            return Layer.MODELS
        if path in routes:
            return Layer.ROUTES
        named = _by_name(path)
        if path in jobs and named in (None, Layer.SHARED):
            return Layer.HANDLERS
        if named is not None:
            return named
        below = [known[other] for other in imports.of(path) if other in known]
        return max((item for item in below if item <= Layer.ROUTES), default=Layer.SHARED)

    for path in imports.order:  # what is imported comes before what imports it
        known[path] = python(path)
    return {
        path: known[path]
        if path in known
        else python(path)
        if path.endswith((".py", ".pyi"))
        else other(path)
        for path in paths
    }


def _by_name(path: str) -> Layer | None:
    """The layer that the part of the path nearest to the file names; of `user_service.py` the last word."""
    pure = PurePosixPath(path)
    stem = pure.stem.lower()
    parts = [part.lower() for part in pure.parts[:-1]]
    for word in [] if stem == "__init__" else [stem, stem.rpartition("_")[2]]:
        if word in _LAYER_OF:
            return _LAYER_OF[word]
    for part in reversed(parts[1:] if len(parts) > 1 else parts):
        if part in _LAYER_OF:
            return _LAYER_OF[part]
    return None


def other(path: str) -> Layer:
    """The layer of a file that is not Python."""
    if _TEST.search(path):
        return Layer.TESTS
    if _DOCS.search(path):
        return Layer.REST
    if _BUILD.search(path):
        return Layer.SHARED
    if PurePosixPath(path).suffix.lower() in _FRONT or _FRONT_WORDS.search(path):
        return Layer.FRONT
    if path.endswith(".sql") or _by_name(path) is Layer.MODELS:
        return Layer.MODELS
    return Layer.REST


def describe(layers: Mapping[str, Layer]) -> dict[Layer, int]:
    """How many files each layer has, in the layers' order."""
    counts: dict[Layer, int] = {}
    for layer in sorted(layers.values()):
        counts[layer] = counts.get(layer, 0) + 1
    return counts

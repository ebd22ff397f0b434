"""Policies: bundled, from files, extending others; bad ones are told at their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from merge_tool.errors import PolicyError
from merge_tool.plan.policy import load_policy, policy_names


def _write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_bundled() -> None:
    assert {"generic", "remnabot"} <= set(policy_names())
    generic, remnabot = load_policy("generic", root=None), load_policy("remnabot", root=None)
    assert (generic.column, remnabot.column, remnabot.name) == ("tenant_id", "bot_id", "remnabot")
    assert remnabot.unchecked_paths == generic.unchecked_paths  # by extension
    assert "platega" in remnabot.excluded_gateways
    assert remnabot.source.endswith("remnabot.yaml")


def test_a_file_extends_key_by_key(tmp_path: Path) -> None:
    _write(
        tmp_path,
        "base.yaml",
        "column: org_id\nroutes: {public: [/a], dependencies: [a.b]}\nmessages: {x: y, z: w}\n",
    )
    _write(
        tmp_path,
        "mine.yaml",
        "extends: base.yaml\nparameter: org\nroutes: {public: [/b]}\nmessages: {x: q}\n",
    )
    policy = load_policy("mine.yaml", root=tmp_path)
    assert (policy.name, policy.column, policy.parameter) == ("mine", "org_id", "org")
    assert policy.routes.public == ("/b",)  # a list replaces
    assert policy.routes.dependencies == ("a.b",)  # a mapping is taken key by key
    assert policy.messages == {"x": "q", "z": "w"}
    assert load_policy(tmp_path / "mine.yaml", root=None) == policy


def test_a_file_extends_a_bundled_one(tmp_path: Path) -> None:
    _write(tmp_path, "policies/mine.yaml", "extends: remnabot\nname: mine\nexcluded_gateways: []\n")
    policy = load_policy("policies/mine.yaml", root=tmp_path)
    assert (policy.name, policy.column, policy.excluded_gateways) == ("mine", "bot_id", ())


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("colum: x\n", "1:1", "'colum' is not a known key", "did you mean 'column'"),
        ("routes: {publc: []}\n", "1:10", "'publc' is not a known key", "did you mean 'public'"),
        ("source: x\n", "1:1", "'source' is not a known key", "known are"),
        ("column: 3\n", "1:9", "must be text, but 3", 'quote it: "3"'),
        ("column: a b\n", "1:9", "'a b' is not an identifier", "letters"),
        ("checked_paths: app\n", "1:16", "must be a list", "write [app]"),
        ("checked_paths: [../x]\n", "1:17", "holds '..'", "relative"),
        ("context: {getters: [a-b]}\n", "1:21", "'a-b' is not a dotted name", "app.core"),
        ("settings: [{field: A}]\n", "1:12", "'key' is missing", "add it"),
        ("settings: [{field: A, key: ''}]\n", "1:28", "the key is empty", "name the key"),
        (
            "settings: [{field: A, key: a}, {field: A, key: b}]\n",
            "1:40",
            "the setting A stands twice",
            "remove one",
        ),
        (
            "bypasses: [{name: a-b, paths: [x], reason: r}]\n",
            "1:19",
            "'a-b' is not a dotted name",
            "skip_tenant",
        ),
        (
            "bypasses: [{name: a, paths: [], reason: r}]\n",
            "1:29",
            "the bypass a has no paths",
            "name the files",
        ),
        ("transforms: [{}]\n", "1:14", "of no kind", "give it one of"),
        ("transforms: [{codemod: a, comments: strip}]\n", "1:14", "of several kinds", "give it one of"),
        ("transforms: [{comments: x}]\n", "1:25", "'x' is not known", "use strip"),
        (
            "transforms: [{comments: strip, options: {a: 1}}]\n",
            "1:41",
            "options without a codemod",
            "name the",
        ),
        ("transforms: [{rename: {a-b: c}}]\n", "1:29", "'a-b' is no part of", "use letters"),
        ("transforms: [{rename: {a: b, b: c}}]\n", "1:27", "b is renamed again", "two transforms"),
        ("transforms: [{suffixes: {_a: _b_a}}]\n", "1:30", "_b_a is renamed again", "two transforms"),
        ("transforms: [{comments: strip, paths: [../x]}]\n", "1:40", "holds '..'", "relative"),
        ("bypasses: [{name: a, paths: [../x], reason: r}]\n", "1:30", "holds '..'", "relative"),
        ("bypasses: [{name: a, paths: [x], reason: ' '}]\n", "1:42", "the bypass a has no reason", "say why"),
        ("bypasses: [{name: a, paths: [x]}]\n", "1:12", "'reason' is missing", "add it"),
        (
            "bypasses: [{name: a, paths: [x], reason: r}, {name: a, paths: [y], reason: r}]\n",
            "1:53",
            "the bypass a stands twice",
            "put their paths",
        ),
        ("logs: {levels: [error, loud]}\n", "1:24", "'loud' is no level", "use debug"),
        ("tables: {tenant: [a], shared: [a]}\n", "1:9", "both a tenant's and shared", "remove it"),
        ("extends: [a]\n", "1:10", "must be the name of a policy", "generic"),
        ("extends: none\n", "1:10", "extends 'none', which is not there", "generic"),
        ("extends: p.yaml\n", "1:10", "extend each other in a circle: p → p", "remove one"),
        ("- a\n", "1:1", "a policy is a mapping", "extends: generic"),
        ("a: [\n", "2:1", "not valid YAML", ""),
        ("", "1:1", "the file is empty", "--schema policy"),
    ],
)
def test_bad_policy(tmp_path: Path, text: str, where: str, message: str, hint: str) -> None:
    path = _write(tmp_path, "p.yaml", text)
    with pytest.raises(PolicyError) as caught:
        load_policy(path, root=tmp_path)
    assert message in caught.value.message
    assert caught.value.where == f"{path}:{where}"
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_mistake_is_told_in_the_file_that_has_it(tmp_path: Path) -> None:
    _write(tmp_path, "base.yaml", "column: org_id\nclaim: [x]\n")
    mine = _write(tmp_path, "mine.yaml", "extends: base.yaml\n")
    with pytest.raises(PolicyError, match=r"base\.yaml:2:8: 'claim' must be text"):
        load_policy(mine, root=None)


def test_a_longer_circle(tmp_path: Path) -> None:
    for one, two in (("a", "b"), ("b", "c"), ("c", "a")):
        _write(tmp_path, f"{one}.yaml", f"extends: {two}.yaml\n")
    with pytest.raises(PolicyError, match="a → b → c → a") as caught:
        load_policy(tmp_path / "a.yaml", root=None)
    assert caught.value.where.endswith("c.yaml:1:10")


@pytest.mark.parametrize("name", ["none", "none.yaml", "../none.yaml", "Ünknown"])
def test_no_such_policy(tmp_path: Path, name: str) -> None:
    with pytest.raises(PolicyError, match="there is no policy") as caught:
        load_policy(name, root=tmp_path)
    assert "generic, remnabot" in caught.value.hint


def test_all_problems_are_told(tmp_path: Path) -> None:
    path = _write(tmp_path, "p.yaml", "colum: x\nclaim: 3\nkeys: {buildrs: []}\n")
    with pytest.raises(PolicyError) as caught:
        load_policy(path, root=None)
    assert len(caught.value.problems) == 3

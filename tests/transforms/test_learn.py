"""What `transforms learn` reads out of a fork."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from merge_tool.cli import run
from merge_tool.model.policy import Policy
from merge_tool.plan.policy import load_policy
from merge_tool.transforms.declared import transforms_of
from merge_tool.transforms.evidence import Proposal
from merge_tool.transforms.learn import learn, to_transforms
from merge_tool.transforms.replay import replay
from tests.gitrepo import ENV, GitRepo

BOTS = load_policy("remnabot", root=None)


def proposals(
    base: str, fork: str, policy: Policy = BOTS, least: int = 3, precision: float = 0.5
) -> dict[str, Proposal]:
    found = learn(
        {"app/a.py": base.encode()}, {"app/a.py": fork.encode()}, policy, least=least, precision=precision
    )
    return {item.kind: item for item in found}


def test_a_renamed_identifier() -> None:
    base = "from m import get_user\n\nget_user(1)\nx = get_user(2)\n\n\ndef f():\n    return get_user(3)\n"
    found = proposals(base, base.replace("get_user", "find_user") + "\nget_user_2 = 1\n")
    item = found["rename"]
    assert (item.what, item.applied, item.could) == ("get_user is called find_user", 4, 4)
    assert item.transform == {"rename": {"get_user": "find_user"}}


def test_a_name_that_is_renamed_here_and_there_is_told_with_its_share() -> None:
    base = "a(old)\n\nb(old)\n\nc(old)\n\nd(old)\n\ne(old)\n"
    fork = base.replace("a(old)", "a(new)").replace("b(old)", "b(new)").replace("c(old)", "c(new)")
    assert proposals(base, fork)["rename"].precision == 0.6
    assert "rename" not in proposals(base, fork, precision=0.9)


def test_an_end_that_several_names_share() -> None:
    base = "price_kopeks = 1\nfee_kopeks = 2\nf(price_kopeks, fee_kopeks, total_kopeks)\n\nkopeks = 3\n"
    found = proposals(base, base.replace("_kopeks", "_cents"))
    assert set(found) == {"suffix"}
    item = found["suffix"]
    assert (item.applied, item.could, item.transform) == (5, 5, {"suffixes": {"_kopeks": "_cents"}})


def test_a_parameter_an_argument_and_a_predicate() -> None:
    base = "\n".join(
        f"async def get_{n}(db, x):\n    return await db.execute(select(M{n}).where(M{n}.x == x))\n\n\n"
        f"async def use_{n}(db):\n    return await get_{n}(db, 1)\n"
        for n in range(4)
    )
    fork = (
        base.replace("(db, x):", "(db, x, bot_id: int):")
        .replace("== x)", "== x, M.bot_id == bot_id)")
        .replace("(db, 1)", "(db, 1, bot_id=bot_id)")
    )
    found = proposals(base, fork, precision=0.3)
    assert (found["parameter"].applied, found["parameter"].could) == (4, 4)
    assert found["parameter"].transform["codemod"] == "thread-tenant"
    assert found["parameter"].transform["options"]["functions"][0] == "app.a.get_0"
    assert (found["argument"].what, found["argument"].applied) == ("calls pass bot_id=bot_id", 4)
    assert (found["predicate"].applied, found["predicate"].could) == (4, 4)
    assert found["predicate"].transform == {"codemod": "filter-query"}


def test_what_is_not_the_policys_tenant_is_told_without_a_codemod() -> None:
    base = "".join(f"def f{n}(a):\n    return a\n\n\n" for n in range(5))
    found = proposals(base, base.replace("(a)", "(a, trace)"))
    assert found["parameter"].what == "functions that take a take trace"
    assert not found["parameter"].transform


def test_the_start_of_keys() -> None:
    base = "".join(f"r.set(f'cart:{{user}}:{n}', 1)\n\nr.get('cache:{n}')\n\n" for n in range(3))
    fork = base.replace("f'cart:", "f'{bot_id}:cart:").replace("'cache:", "f'{bot_id}:cache:")
    item = proposals(base, fork)["key-prefix"]
    assert (item.what, item.applied, item.could) == ("keys begin with {bot_id}:", 6, 6)
    assert item.transform["codemod"] == "prefix-keys"


def test_comments_taken_out_and_translated() -> None:
    base = "".join(f"# число {n}\nx{n} = {n}\n" for n in range(6)) + "# why\ny = 1\n"
    gone = "".join(f"x{n} = {n}\n" for n in range(6)) + "# why\ny = 1\n"
    assert proposals(base, gone)["comments"].transform == {"comments": "strip", "scripts": ["Cyrillic"]}
    bare = gone.replace("# why\n", "")
    assert proposals("# a\nx = 1\n# b\ny = 1\n# c\nz = 1\n", "x = 1\ny = 1\nz = 1\n")[
        "comments"
    ].transform == {"comments": "strip"}
    assert "comments" in proposals(base, bare)
    translated = base.replace("# число", "# number")
    assert proposals(base, translated)["comments"].transform == {"comments": "translated"}


def test_a_fork_that_did_nothing_throughout_gives_nothing() -> None:
    base = "def f(a):\n    return a\n\n\ndef g(b):\n    return b\n"
    assert proposals(base, base + "\n\ndef h(c):\n    return c\n") == {}
    assert proposals("def f(:\n", "def g(:\n") == {}
    assert learn({"a.py": b"\xff"}, {"a.py": b"\xfe"}, BOTS) == []


def test_what_is_learnt_explains_the_fork() -> None:
    """The proposals, declared in the policy, make the base what the fork is."""
    base = "price_kopeks = 1\nfee_kopeks = 2\n\n\ndef f():\n    # сумма\n    return load(price_kopeks, fee_kopeks)\n\n\nload(1)\n\nload(2)\n"
    fork = base.replace("_kopeks", "_cents").replace("load(", "read(").replace("# сумма", "# the sum")
    theirs = base.replace("fee_kopeks = 2", "fee_kopeks = 3").replace("return load(", "return 1 + load(")
    found = learn({"a.py": base.encode()}, {"a.py": fork.encode()}, BOTS, least=1)
    from merge_tool.plan.problems import instance

    policy = instance(Policy, {"transforms": to_transforms(found)})
    made = replay(
        transforms_of(policy),
        {"a.py": base.encode()},
        {"a.py": fork.encode()},
        {"a.py": theirs.encode()},
        ["a.py"],
    )
    shift = made.shifts["a.py"]
    assert shift.base == fork.encode()
    assert shift.theirs.decode() == theirs.replace("_kopeks", "_cents").replace("load(", "read(").replace(
        "# сумма", "# the sum"
    )


def test_functions_that_a_side_has_not_are_passed_over() -> None:
    options = {"functions": ["a.f", "a.gone"]}
    policy = replace(BOTS, transforms=(replace(_thread(), options=options),))
    (transform,) = transforms_of(policy)
    text = "async def f(db):\n    return db\n\n\nasync def g(db):\n    return await f(db)\n"
    assert "bot_id" in transform.run({"a.py": text}, [])["a.py"]
    assert transform.run({"b.py": text}, []) == {}


def _thread():  # type: ignore[no-untyped-def]
    from merge_tool.model.policy import TransformPolicy

    return TransformPolicy("thread-tenant")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    for key, value in ENV.items():
        monkeypatch.setenv(key, value)
    made = GitRepo(tmp_path / "repo")
    text = "".join(f"a{n}_kopeks = {n}\n" for n in range(6))
    made.commit("upstream", {"a.py": text})
    made.git("update-ref", "refs/remotes/upstream/main", "HEAD")
    made.git("remote", "add", "upstream", "https://example.org/x.git")
    made.commit("fork", {"a.py": text.replace("_kopeks", "_cents")})
    return made


def test_the_command_tells_and_writes(repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    where = ["--repo", str(repo.path), "--policy", "generic"]
    assert run(["transforms", "learn", *where, "--json"]) == 0
    data = json.loads(capfd.readouterr().out)
    assert data["transforms"] == [{"suffixes": {"_kopeks": "_cents"}}]
    (item,) = data["proposals"]
    assert (item["kind"], item["applied"], item["could"], item["precision"]) == ("suffix", 6, 6, 1.0)
    assert run(["transforms", "learn", *where, "--base", "HEAD~1", "--fork", "HEAD"]) == 0
    told = capfd.readouterr().out
    assert "suffix: names that end with _kopeks end with _cents: 6 of 6 places (100%)" in told
    assert not (repo.path / "tenancy.yaml").exists()
    assert run(["transforms", "learn", *where, "--write"]) == 0
    policy = load_policy("tenancy.yaml", root=repo.path)
    assert policy.transforms[0].suffixes == {"_kopeks": "_cents"}
    capfd.readouterr()
    assert run(["transforms", "learn", *where, "--write"]) == 2
    assert "has transforms already" in capfd.readouterr().err


def test_a_policys_own_file_is_added_to(repo: GitRepo) -> None:
    own = repo.path / "own.yaml"
    own.write_text("extends: generic\ncolumn: org_id")
    assert run(["transforms", "learn", "--repo", str(repo.path), "--policy", "own.yaml", "--write"]) == 0
    assert own.read_text().startswith("extends: generic\ncolumn: org_id\ntransforms:\n")
    assert load_policy("own.yaml", root=repo.path).column == "org_id"


@pytest.mark.parametrize("more", [["--base", "-x"], ["--fork", "no-such"], ["--precision", "2"]])
def test_wrong_usage(repo: GitRepo, more: list[str]) -> None:
    assert run(["transforms", "learn", "--repo", str(repo.path), "--policy", "generic", *more]) == 2

"""`merge-tool isolation generate`, and the action of a plan that writes the same tests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from merge_tool.bundled import bundled
from merge_tool.cli import run
from tests.project import make_project, stories_plan

TARGET = "tests/integration/test_tenant_isolation.py"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the example shop."""
    root = tmp_path / "shop"
    shutil.copytree(bundled("fixtures") / "shop", root)
    return root


def test_it_writes_the_files_and_says_what_is_left_out(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["isolation", "generate", str(shop)]) == 0
    said = capsys.readouterr().out
    assert "left out: shop.repository.notify: mailer: nobody can invent a Mailer" in said
    assert "21 tests written" in said
    text = (shop / TARGET).read_text()
    assert (shop / "tests/integration/tenant_world.py").exists()
    assert run(["isolation", "generate", str(shop)]) == 0, "its own files are written anew"
    assert (shop / TARGET).read_text() == text


def test_json_has_tests_and_reasons(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--functions", "none", "--keys", "none", "-o", "tests/test_routes.py", "--json"]
    assert run(["isolation", "generate", "--repo", str(shop), *arguments]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["files"] == ["tests/tenant_world.py", "tests/test_routes.py"]
    assert {item["name"] for item in data["tests"]} >= {"test_get_order", "test_by_sku"}
    assert not any("orders_get" in item["name"] for item in data["tests"])
    assert data["not_tested"][0]["reason"] == "x_proof: a header that nobody can invent"


def test_a_trial_lists_what_works_for_nobody(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = shop / "shop" / "repository.py"
    place.write_text(place.read_text() + '\n\ndef broken(session: Session, org_id: int) -> list[Product]:\n    """Always raises."""\n    raise KeyError(list_products(session, org_id))\n')  # fmt: skip
    arguments = ["--routes", "none", "--keys", "none", "--trial", "--json"]
    assert run(["isolation", "generate", str(shop), *arguments]) == 0
    data = json.loads(capsys.readouterr().out)
    assert "test_broken" not in {item["name"] for item in data["tests"]}
    (why,) = [item["reason"] for item in data["not_tested"] if item["what"] == "broken"]
    assert why.startswith("KeyError for the tenant's own rows")


def test_what_a_person_wrote_is_not_overwritten(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "tests/integration").mkdir(parents=True)
    (shop / TARGET).write_text("# mine\n")
    assert run(["isolation", "generate", str(shop)]) == 2
    assert "was not written by merge-tool" in capsys.readouterr().err
    assert (shop / TARGET).read_text() == "# mine\n"
    assert run(["isolation", "generate", str(shop), "--force"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "../outside.py"], "outside"),
        (["--row", "users"], "has no ="),
        (["--row", "users=1"], "names no column"),
        (["--header", "x"], "has no ="),
        (["--policy", "nowhere.yaml"], "nowhere"),
    ],
)
def test_wrong_usage_exits_with_2(
    shop: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["isolation", "generate", str(shop), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_action_writes_tries_and_commits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = """\
    - id: "0.1"
      title: Isolation tests
      estimate_hours: 1
      files: [tests/test_orders.py]
      actions:
        - isolation_tests: {path: tests/test_orders.py, routes: [], keys: [], functions: [shop/repository.py]}
        - test: {nodes: [tests/test_orders.py]}
    """
    project = make_project(tmp_path, stories_plan([story]).replace("policy: generic", "policy: tenancy.yaml"))
    project.capsys = capsys
    source = bundled("fixtures") / "shop"
    files = {
        str(path.relative_to(source)): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    project.fork.commit("the shop", files)
    said = project.run("story", "0.1")
    assert "10 tests" in said
    assert "def test_orders_get(world: World)" in project.show("tests/test_orders.py")
    assert "class World" in project.show("tests/tenant_world.py")
    ledger = project.json("report", "--format", "json")
    assert "nobody can invent a Mailer" in json.dumps(ledger)


def test_the_action_keeps_what_people_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = """\
    - id: "0.1"
      title: Isolation tests
      estimate_hours: 1
      files: [tests/test_orders.py]
      actions:
        - isolation_tests: {path: tests/test_orders.py, routes: [], keys: [], functions: [shop/repository.py]}
    """
    project = make_project(tmp_path, stories_plan([story]).replace("policy: generic", "policy: tenancy.yaml"))
    project.capsys = capsys
    source = bundled("fixtures") / "shop"
    files = {
        str(path.relative_to(source)): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    mine = b"def test_mine() -> None:\n    assert 1\n"
    project.fork.commit("the shop", {**files, "tests/test_orders.py": mine})
    assert "people wrote it" in project.run("story", "0.1")
    assert project.show("tests/test_orders.py") == mine.decode().rstrip()

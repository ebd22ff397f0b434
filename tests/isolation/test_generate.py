"""The isolation tests of two projects: they are written, they run, and they fail where one tenant sees the other's rows."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from merge_tool.bundled import bundled
from merge_tool.errors import UserError
from merge_tool.isolation.generate import generate
from merge_tool.isolation.model import Generated, Options
from merge_tool.isolation.trial import run_tests, tried, write_files
from merge_tool.lint.files import project_files
from merge_tool.plan.policy import load_policy
from tests.servers import PostgresDatabase

TARGET = "tests/test_isolation.py"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the example shop."""
    root = tmp_path / "shop"
    shutil.copytree(bundled("fixtures") / "shop", root)
    return root


def made(root: Path, **options: object) -> Generated:
    files = {name: (root / name).read_bytes() for name in project_files(root)}
    policy = load_policy("tenancy.yaml", root=root)
    return generate(files, policy, Options(TARGET, **options))  # type: ignore[arg-type]


def test_every_function_route_and_key_is_tested_or_listed(shop: Path) -> None:
    found = made(shop)
    assert {name.removeprefix("test_") for name in found.tested} >= {
        "orders_get", "orders_of_member", "orders_overdue", "orders_close_all", "orders_place", "find_product",
        "list_products", "revenue", "remove_product", "member_of_key", "get_order", "my_orders", "place_order",
        "get_products", "by_sku", "delete_product", "keys_of_remember_basket", "keys_of_basket_of", "keys_of_count_visit",
    }  # fmt: skip
    reasons = {item.what.rpartition(".")[2]: item.reason for item in found.not_tested}
    assert reasons["notify"] == "mailer: nobody can invent a Mailer"
    assert reasons["POST /products/{product_id}/claim"] == "x_proof: a header that nobody can invent"


def test_the_files_are_python_in_a_persons_style(shop: Path) -> None:
    found = made(shop)
    for path, text in found.files.items():
        ast.parse(text)
        assert text.endswith("\n"), path
    assert "return Orders(db, FIRST).get(owner[Order].id)" in found.files[TARGET]
    assert "world.have(Product, sku=str.upper)" in found.files[TARGET]
    assert made(shop).files == found.files, "the same project gives the same text"


def test_the_shop_passes_and_each_leak_is_found(shop: Path) -> None:
    write_files(shop, made(shop).files)
    clean = run_tests(shop, [TARGET])
    assert not clean.failed
    assert not clean.cannot
    assert len(clean.passed) > 25
    repository = shop / "shop" / "repository.py"
    text = repository.read_text()
    repository.write_text(
        text.replace("Order.id == order_id, Order.org_id == self.org_id", "Order.id == order_id")
    )
    leaking = run_tests(shop, [TARGET])
    assert set(leaking.failed) == {"test_orders_get", "test_get_order"}
    assert (
        "ids of the second tenant's rows, sees that the second has rows" in leaking.failed["test_orders_get"]
    )


def test_most_mutants_of_the_shop_are_killed(shop: Path, tmp_path: Path) -> None:
    """The benchmark on a few mutants, of every kind that the shop has."""
    from benchmarks.isolation_mutation import find_mutants, wilson

    policy = load_policy("tenancy.yaml", root=shop)
    files = {name: (shop / name).read_bytes() for name in project_files(shop)}
    mutants = find_mutants(files, policy)
    assert {item.kind for item in mutants} == {"check", "claim", "dependency", "filter", "key", "stamp"}
    for item in mutants:
        assert item.text != files[item.path].decode()
        ast.parse(item.text)
    low, high = wilson(17, 17)
    assert 0.8 < low < high == pytest.approx(1.0)
    write_files(shop, made(shop).files)
    for kind in ("check", "claim", "dependency", "key"):
        mutant = next(item for item in mutants if item.kind == kind)
        place = shop / mutant.path
        before = place.read_bytes()
        place.write_text(mutant.text)
        run = run_tests(shop, [TARGET], arguments=("-x",))
        assert run.failed or run.cannot, mutant.what
        place.write_bytes(before)


def test_the_shop_passes_on_postgresql_too(shop: Path, postgres_database: PostgresDatabase) -> None:
    write_files(shop, made(shop).files)
    found = run_tests(shop, [TARGET], database_url=postgres_database.url("psycopg"))
    assert not found.failed
    assert not found.cannot
    assert len(found.passed) > 25


def test_a_database_that_is_not_for_tests_is_not_touched(shop: Path) -> None:
    write_files(shop, made(shop).files)
    with pytest.raises(UserError, match="must hold the word test"):
        run_tests(shop, [TARGET], database_url="postgresql+psycopg://somewhere/production")


def test_several_files_share_one_support_module(shop: Path) -> None:
    world = "tests/tenant_world.py"
    whole = made(shop)
    part = made(
        shop, routes=(), keys=(), rows={"members": {"email": "a@example.org"}}, headers={"X-Org": "{id}"}
    )
    assert part.files[world] == whole.files[world]
    text = part.files[TARGET]
    assert 'world.have(METADATA.tables["members"], **{"email": "a@example.org"})' in text
    assert 'world.headers["X-Org"] = "{id}"' in text
    write_files(shop, part.files)
    found = run_tests(shop, [TARGET])
    assert not found.failed
    assert not found.cannot


def test_what_the_project_does_not_have_is_refused(shop: Path) -> None:
    with pytest.raises(UserError, match="there is no table nothing"):
        made(shop, rows={"nothing": {"a": 1}})
    with pytest.raises(UserError, match="no settings object"):
        made(shop, settings={"DEBUG": True})
    with pytest.raises(UserError, match="nothing to test"):
        made(shop, routes=(), functions=(), keys=())


def test_rows_that_point_across_are_planted_where_the_project_filters_them_itself(shop: Path) -> None:
    files = {name: (shop / name).read_bytes() for name in project_files(shop)}
    policy = load_policy("tenancy.yaml", root=shop)
    found = tried(files, policy, Options(TARGET, routes=(), keys=()), shop)
    text = found.files[TARGET]
    assert "world.cross(Order)" in text.partition("def test_orders_of_member(")[2].partition("\ndef ")[0]
    # Its lines are held by their order, so a line of another tenant in an order of this one is no leak.
    assert "world.cross" not in text.partition("def test_revenue(")[2].partition("\ndef ")[0]
    write_files(shop, found.files)
    assert not run_tests(shop, [TARGET]).failed
    repository = shop / "shop" / "repository.py"
    before = repository.read_text()
    after = before.replace(
        "self.session.query(Order).filter(Order.org_id == self.org_id)", "self.session.query(Order)"
    )
    assert after != before
    repository.write_text(after)
    assert "test_orders_of_member" in run_tests(shop, [TARGET]).failed


def test_a_tenant_taken_from_the_query_is_a_leak(shop: Path) -> None:
    write_files(shop, made(shop, functions=(), keys=()).files)
    api = shop / "shop" / "api.py"
    before = api.read_text()
    after = before.replace(
        "def get_products(db: Db, org_id: CurrentOrg)", "def get_products(db: Db, org_id: int)"
    )
    assert after != before
    api.write_text(after)
    failed = run_tests(shop, [TARGET]).failed
    assert "sees that the second has rows" in failed["test_get_products"]

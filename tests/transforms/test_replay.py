"""Transforms on whole trees: what is made, what is left out and why, and the merge that comes of it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from merge_tool.errors import UserError
from merge_tool.merging.cascade import merge_file
from merge_tool.model.policy import TransformPolicy
from merge_tool.plan.policy import load_policy
from merge_tool.transforms.base import Transform
from merge_tool.transforms.declared import transforms_of
from merge_tool.transforms.rename import Rename
from merge_tool.transforms.replay import replay


def data(**files: str) -> dict[str, bytes]:
    return {f"{name}.py": text.encode() for name, text in files.items()}


class Appending(Transform):
    """Not idempotent."""

    name = "append"

    def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        return {path: files[path].replace("f(", "f(b, ") for path in paths}


class Breaking(Transform):
    """What it makes is no Python."""

    name = "break"

    def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        return {path: files[path] + "def (\n" for path in paths}


class Failing(Transform):
    """The tree lacks what it needs."""

    name = "fail"

    def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        raise UserError("there is no function app.f")


class Buggy(Transform):
    """A bug of ours must not take the merge with it."""

    name = "buggy"

    def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        raise TypeError("too many arguments")


BASE = "def pay(price_kopeks):\n    log(price_kopeks)\n    send(price_kopeks)\n    return price_kopeks\n"
FORK = BASE.replace("_kopeks", "_cents")
THEIRS = BASE.replace(
    "    send(price_kopeks)\n", "    send(price_kopeks, fee_kopeks=1)\n    audit(price_kopeks)\n"
)
KOPEKS = Rename({}, {"_kopeks": "_cents"})


def test_a_rename_of_the_fork_does_not_conflict_any_more() -> None:
    sides = data(a=BASE), data(a=FORK), data(a=THEIRS)
    plain = merge_file(BASE.encode(), FORK.encode(), THEIRS.encode())
    assert not plain.clean
    made = replay([KOPEKS], *sides, ["a.py"])
    result = merge_file(BASE.encode(), FORK.encode(), THEIRS.encode(), shift=made.shifts["a.py"])
    assert result.clean
    assert result.data.decode() == THEIRS.replace("_kopeks", "_cents")
    assert {item.step.value for _, item in result.hunks} == {"transform"}
    assert "rename _kopeks to _cents" in result.hunks[0][1].reason
    (told,) = made.told
    assert (told.match.places, told.match.matched, told.files, told.skipped) == (1, 1, 1, "")


def test_the_step_can_be_turned_off() -> None:
    made = replay([KOPEKS], data(a=BASE), data(a=FORK), data(a=THEIRS), ["a.py"])
    result = merge_file(
        BASE.encode(), FORK.encode(), THEIRS.encode(), shift=made.shifts["a.py"], off=["transform"]
    )
    assert not result.clean


def test_what_the_fork_did_not_do_is_not_made() -> None:
    made = replay([Rename({"log": "tell"}, {})], data(a=BASE), data(a=FORK), data(a=THEIRS), ["a.py"])
    assert not made.shifts
    assert "no file of the base comes nearer" in made.told[0].skipped


def test_a_file_in_which_the_fork_did_not_do_it_is_left_out() -> None:
    base, fork = data(a=BASE, b=BASE), data(a=FORK, b=BASE.replace("log", "tell"))
    made = replay([KOPEKS], base, fork, data(a=THEIRS, b=THEIRS), ["a.py", "b.py"])
    assert list(made.shifts) == ["a.py"]
    assert "does not come nearer" in made.told[0].left_out["b.py"]


@pytest.mark.parametrize(
    ("transform", "fork", "reason"),
    [
        (Appending(), "f(b, a)\n", "made twice"),
        (Failing(), "f(b, a)\n", "no function app.f"),
        (Buggy(), "f(b, a)\n", "it failed: TypeError"),
        (Breaking(), "f(b, a)\n", "changes nothing"),
    ],
)
def test_a_transform_that_is_not_sound_is_left_out(transform: Transform, fork: str, reason: str) -> None:
    made = replay([transform], data(a="f(a)\n"), data(a=fork), data(a="f(a)\n\ng()\n"), ["a.py"])
    assert not made.shifts
    (told,) = made.told
    assert reason in " ".join([told.skipped, *told.left_out.values()])


def test_one_transform_left_out_does_not_take_the_others_with_it() -> None:
    other = Rename({"log": "tell"}, {})
    made = replay([other, KOPEKS], data(a="log(a)\n\nx_kopeks = 1\n"), data(a="log(a)\n\nx_cents = 1\n"), data(a="log(b)\n\nx_kopeks = 2\n"), ["a.py"])  # fmt: skip
    shift = made.shifts["a.py"]
    assert shift.base == b"log(a)\n\nx_cents = 1\n"
    assert shift.theirs == b"log(b)\n\nx_cents = 2\n"
    assert shift.made == (KOPEKS.name,)


def test_a_renamed_file_is_known_by_its_names_on_each_side() -> None:
    made = replay(
        [KOPEKS], data(old=BASE), data(mine=FORK), data(new=THEIRS), ["mine.py"], names={"mine.py": ("old.py", "new.py")}
    )  # fmt: skip
    assert made.shifts["mine.py"].theirs == THEIRS.replace("_kopeks", "_cents").encode()


def test_files_that_both_sides_added_come_nearer_too() -> None:
    made = replay([KOPEKS], data(z=BASE), data(z=FORK, a=FORK), data(z=BASE, a=THEIRS), ["a.py"])
    shift = made.shifts["a.py"]
    assert shift.base is None
    result = merge_file(None, FORK.encode(), THEIRS.encode(), shift=shift)
    assert b"kopeks" not in result.data
    assert result.left == 1


def test_texts_that_cannot_be_read_are_passed_over() -> None:
    made = replay([KOPEKS], {"a.py": b"\xff"}, {"a.py": b"\xfe"}, {"a.py": b"\xfd"}, ["a.py"])
    assert not made.shifts


def test_encodings_come_through() -> None:
    head = "# coding: cp1251\nда = 'да'\n"
    sides = [{"a.py": (head + text).encode("cp1251")} for text in (BASE, FORK, THEIRS)]
    shift = replay([KOPEKS], *sides, ["a.py"]).shifts["a.py"]
    assert shift.theirs == (head + THEIRS.replace("_kopeks", "_cents")).encode("cp1251")


CRUD = """from sqlalchemy import select

from app.models import Order


async def get_order(db, order_id: int):
    result = await db.execute(select(Order).where(Order.id == order_id))
    return result.scalar_one_or_none()


async def get_orders(db, user_id: int):
    result = await db.execute(select(Order).where(Order.user_id == user_id))
    return result.scalars().all()
"""
MODELS = """from sqlalchemy import Column, Integer
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False)
    user_id = Column(Integer)
"""


def test_codemods_read_the_whole_tree_of_each_commit() -> None:
    """The parameter and the filter that the fork's codemods put in do not conflict with upstream's edits of those lines."""
    policy = replace(
        load_policy("remnabot", root=None),
        transforms=(
            TransformPolicy("thread-tenant", {"functions": ["app.crud.get_order", "app.crud.get_orders"]}),
            TransformPolicy("filter-query"),
        ),
    )
    transforms = transforms_of(policy)
    base = {"app/models.py": MODELS, "app/crud.py": CRUD, "app/__init__.py": ""}
    fork = dict(base)
    for transform in transforms:
        fork |= transform.run(fork, [])
    assert "bot_id" in fork["app/crud.py"]
    theirs = {
        **base,
        "app/crud.py": CRUD.replace("order_id: int):", "order_id: int, active: bool = True):").replace(
            "Order.user_id == user_id)", "Order.user_id == user_id, Order.id > 0)"
        ),
    }
    sides = [{path: text.encode() for path, text in side.items()} for side in (base, fork, theirs)]
    made = replay(transforms, *sides, ["app/crud.py"])
    texts = [side["app/crud.py"] for side in sides]
    assert not merge_file(*texts).clean
    result = merge_file(*texts, shift=made.shifts["app/crud.py"])
    assert result.clean, result.data.decode()
    text = result.data.decode()
    ast.parse(text)
    assert text.count("Order.bot_id == bot_id") == 2
    assert "active: bool = True" in text
    assert "Order.id > 0" in text
    assert [item.skipped for item in made.told] == ["", ""]


def test_a_file_of_the_forks_alone_is_read_and_not_edited() -> None:
    seen: list[dict[str, str]] = []

    class Looking(Rename):
        def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
            seen.append(dict(files))
            return super().run(files, [*paths, "own.py"] if "own.py" in files else paths)

    looking = Looking({}, {"_kopeks": "_cents"})
    made = replay([looking], data(a=BASE), data(a=FORK, own="own_kopeks = 1\n"), data(a=THEIRS), ["a.py"])
    assert all(files["own.py"] == "own_kopeks = 1\n" for files in seen)
    assert list(made.shifts) == ["a.py"]


def test_context_is_read_in_the_forks_version() -> None:
    seen: list[str] = []

    class Looking(Rename):
        context = ("m.py",)

        def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
            seen.append(files["m.py"])
            return super().run(files, paths)

    replay([Looking({}, {"_kopeks": "_cents"})], data(a=BASE, m="x = 1\n"), data(a=FORK, m="x = 2\n"), data(a=THEIRS, m="x = 1\n"), ["a.py"])  # fmt: skip
    assert set(seen) == {"x = 2\n"}

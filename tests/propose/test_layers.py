"""The layer of a file, the import graph, and how stories are cut."""

from __future__ import annotations

import pytest

from merge_tool.index.project import ProjectIndex
from merge_tool.model.policy import Policy
from merge_tool.propose.imports import Imports
from merge_tool.propose.layers import Layer, layers_of
from merge_tool.propose.stories import propose
from merge_tool.propose.upstream import Changes

FILES = {
    "shop/settings.py": "LIMIT = 1\n",
    "shop/goods.py": (
        "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\n\nclass Base(DeclarativeBase):\n    pass\n\n\n"
        "class Good(Base):\n    __tablename__ = 'goods'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
    ),
    "shop/crud/goods.py": "from sqlalchemy import select\nfrom shop.goods import Good\n\n\ndef find():\n    return select(Good)\n",
    "shop/pricing.py": "from shop.crud.goods import find\n\n\ndef price():\n    return find()\n",
    "shop/desk.py": (
        "from fastapi import APIRouter\nfrom shop.pricing import price\n\nrouter = APIRouter()\n\n\n@router.get('/price')\n"
        "def read():\n    return price()\n"
    ),
    "shop/plain.py": "import json\n",
    "tests/test_pricing.py": "from shop.pricing import price\n",
    "alembic/versions/0001_goods.py": "revision = '1'\n",
}


def indexed(files: dict[str, str]) -> ProjectIndex:
    return ProjectIndex.build(files, Policy(column="", name="test"))


def layers(*others: str) -> dict[str, Layer]:
    index = indexed(FILES)
    return layers_of([*FILES, *others], index, Imports(index))


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("shop/settings.py", Layer.SHARED),
        ("shop/goods.py", Layer.MODELS),  # a table tells it, whatever the file is called
        ("shop/crud/goods.py", Layer.DATA),
        ("shop/pricing.py", Layer.DATA),  # no name helps: that of the highest that it imports
        ("shop/desk.py", Layer.ROUTES),  # a route tells it
        ("shop/plain.py", Layer.SHARED),
        ("tests/test_pricing.py", Layer.TESTS),
        ("alembic/versions/0001_goods.py", Layer.MODELS),
        ("shop/services/gone.py", Layer.SERVICES),  # upstream removed it: only its path is left
        ("requirements.txt", Layer.SHARED),
        ("backend/pyproject.toml", Layer.SHARED),
        ("dashboard/src/app/[id]/page.tsx", Layer.FRONT),
        ("dashboard/src/page.test.tsx", Layer.TESTS),
        ("app/locales/fa.json", Layer.FRONT),
        ("README.md", Layer.REST),
        (".github/workflows/ci.yml", Layer.REST),
        ("migrations/0002.sql", Layer.MODELS),
        ("LICENSE", Layer.REST),
    ],
)
def test_layer(path: str, layer: Layer) -> None:
    assert layers(path)[path] is layer


def test_imports_come_first_and_circles_share_a_level() -> None:
    index = indexed(
        {
            "a.py": "import b\n",
            "b.py": "import c\nimport a\n",
            "c.py": "import json\n",
            "d.py": "from pkg import a\n",
            "pkg/__init__.py": "from pkg.x import y\n",
            "pkg/x.py": "y = 1\n",
        }
    )
    imports = Imports(index)
    assert imports.of("b.py") == {"a.py", "c.py"}
    assert imports.order.index("c.py") < imports.order.index("a.py") < imports.order.index("b.py")
    assert (imports.level("c.py"), imports.level("a.py"), imports.level("b.py")) == (0, 1, 1)
    assert imports.of("d.py") == {"pkg/__init__.py"}
    assert imports.of("pkg/__init__.py") == {"pkg/x.py"}


def test_a_long_chain_of_imports_needs_no_recursion() -> None:
    count = 3000
    index = indexed({f"m{n:04}.py": f"import m{n + 1:04}\n" for n in range(count)})
    imports = Imports(index)
    assert imports.level("m0000.py") == count - 1
    assert imports.order[0] == f"m{count - 1:04}.py"


def proposal(
    paths: list[str], *, limit: int, renamed: dict[str, str] | None = None
) -> list[tuple[str, int, int]]:
    index = indexed({})
    imports = Imports(index)
    changes = Changes(dict.fromkeys(paths, "M"), renamed or {}, frozenset(paths[:1]), frozenset())
    made = propose(changes, layers_of(paths, index, imports), imports, limit=limit)
    parts = [part for _, items in made.layers for part in items]
    assert sorted(path for part in parts for path in part.files) == sorted(paths)
    return [(part.title.partition(": ")[2], len(part.files), part.count) for part in parts]


def test_folders_become_stories_and_small_ones_are_joined() -> None:
    paths = [
        *(f"app/services/payment/p{n}.py" for n in range(8)),
        *(f"app/services/s{n}.py" for n in range(6)),
        "app/services/mail/m.py",
    ]
    assert sorted(proposal(paths, limit=10)) == [
        ("app/services, the rest", 7, 1),
        ("app/services/payment", 8, 1),
    ]


def test_a_folder_of_many_files_is_done_in_batches() -> None:
    assert proposal([f"app/services/s{n}.py" for n in range(26)], limit=10) == [("app/services", 26, 3)]


def test_both_names_of_a_renamed_file_are_one_storys() -> None:
    old, new = "app/services/a.py", "app/handlers/a.py"
    assert proposal([old, new], limit=10, renamed={new: old}) == [("app/handlers", 2, 1)]

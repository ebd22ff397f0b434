"""Imports added in the file's own manner."""

from __future__ import annotations

import pytest

from merge_tool.codemods.edits import FileEdits, apply_edits
from merge_tool.codemods.imports import ImportNeed

NEED = ImportNeed("app.core.tenant", "get_tenant")

CASES = [
    ("from app.core.tenant import other\n", "from app.core.tenant import other, get_tenant\n"),
    ("from app.core.tenant import a, b\n", "from app.core.tenant import a, b, get_tenant\n"),
    ("from app.core.tenant import a, z\n", "from app.core.tenant import a, get_tenant, z\n"),
    ("from app.core.tenant import z, a\n", "from app.core.tenant import z, a, get_tenant\n"),
    ("from app.core.tenant import get_tenant\n", "from app.core.tenant import get_tenant\n"),
    ("from app.core.tenant import *\n", "from app.core.tenant import *\n"),
    ("from ..core.tenant import other\n", "from ..core.tenant import other, get_tenant\n"),
    ("from ..core import x\n", "from ..core import x\nfrom ..core.tenant import get_tenant\n"),
    (
        "from app.core.tenant import (\n    a,\n    b,\n)\n",
        "from app.core.tenant import (\n    a,\n    b,\n    get_tenant,\n)\n",
    ),
    (
        "from app.core.tenant import (\n    a,\n    z  # last\n)\n",
        "from app.core.tenant import (\n    a,\n    get_tenant,\n    z  # last\n)\n",
    ),
    ("import os\n", "import os\n\nfrom app.core.tenant import get_tenant\n"),
    (
        "import os\n\nfrom app.a import x\nfrom app.z import y\n",
        "import os\n\nfrom app.a import x\nfrom app.core.tenant import get_tenant\nfrom app.z import y\n",
    ),
    (
        "import os\n\nfrom app.z import y\nfrom app.a import x\n\nx = 1\n",
        "import os\n\nfrom app.z import y\nfrom app.a import x\nfrom app.core.tenant import get_tenant\n\nx = 1\n",
    ),
    (
        "import os\n\nfrom app.z import y\n",
        "import os\n\nfrom app.core.tenant import get_tenant\nfrom app.z import y\n",
    ),
    (
        '"""Doc."""\n\nx = 1\n',
        '"""Doc."""\n\nfrom app.core.tenant import get_tenant\n\nx = 1\n',
    ),
    (
        "from __future__ import annotations\n\nx = 1\n",
        "from __future__ import annotations\n\nfrom app.core.tenant import get_tenant\n\nx = 1\n",
    ),
    (
        "import os\nif True:\n    from app.core.tenant import get_tenant\n",
        "import os\n\nfrom app.core.tenant import get_tenant\n\nif True:\n    from app.core.tenant import get_tenant\n",
    ),
]


@pytest.mark.parametrize(("before", "after"), CASES)
def test_where_an_import_goes(before: str, after: str) -> None:
    got = apply_edits(before, FileEdits(imports=[NEED]), "app.cabinet.routes")
    assert got == after


def test_a_long_import_is_put_in_brackets() -> None:
    names = ", ".join(f"name_number_{index}" for index in range(5))
    before = f"from app.core.tenant import {names}\n"
    got = apply_edits(
        before, FileEdits(imports=[ImportNeed("app.core.tenant", "one_more_long_name_here")]), "app.x"
    )
    assert got.startswith("from app.core.tenant import (\n    name_number_0,\n")
    assert got.endswith("    one_more_long_name_here,\n)\n")


def test_imports_without_a_use_go_with_the_edit_that_freed_them() -> None:
    before = "from a import used, gone\nfrom b import gone_too\n\nimport c\n\nprint(used, c)\n"
    edits = FileEdits(imports=[ImportNeed("a", "new")], unused={"gone", "gone_too", "used", "c"})
    got = apply_edits(before, edits, "m")
    assert got == "from a import used, new\n\nimport c\n\nprint(used, c)\n"

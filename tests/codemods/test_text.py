"""Files of every form: decoded and encoded back the same, and what cannot be read is told."""

from __future__ import annotations

import pytest

from merge_tool.codemods.base import NoOptions, Project
from merge_tool.codemods.edits import FileEdits, apply_edits
from merge_tool.codemods.parameters import NewParameter
from merge_tool.codemods.run import run_codemod
from merge_tool.codemods.tenant_jwt import TenantJwt, TenantJwtOptions
from merge_tool.codemods.text import decode_source
from merge_tool.codemods.thread_tenant import ThreadTenant, ThreadTenantOptions
from merge_tool.model.policy import Policy
from merge_tool.model.source import CodemodResult, Edit

FORMS = {
    "plain": b"x = 1\n",
    "empty": b"",
    "bom": b"\xef\xbb\xbfx = 1\n",
    "crlf": b"x = 1\r\ny = 2\r\n",
    "mixed line ends": b"x = 1\r\ny = 2\n",
    "old mac": b"x = 1\ry = 2\r",
    "cp1251": "# -*- coding: cp1251 -*-\nx = 'я'\n".encode("cp1251"),
    "utf-8": "x = 'تست'\n".encode(),
    "form feed": b"x = 1\n\x0c\ny = 2\n",
}


@pytest.mark.parametrize("raw", FORMS.values(), ids=FORMS.keys())
def test_bytes_come_back_the_same(raw: bytes) -> None:
    source = decode_source(raw)
    assert source.encode() == raw
    assert source.with_text(source.text).encode() == raw


@pytest.mark.parametrize("raw", [b"x = '\xff'\n", b"# coding: no-such\n", b"# coding: utf-7\nx = '+AGE-'\n"])
def test_bytes_that_would_not_come_back_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"not utf-8|unknown encoding|the bytes are not"):
        decode_source(raw)


@pytest.mark.parametrize("name", ["crlf", "bom", "cp1251", "tabs", "form feed"])
def test_an_edit_leaves_the_rest_of_the_bytes(name: str) -> None:
    bodies = {
        "crlf": b"import os\r\n\r\n\r\ndef f(a):\r\n    return a\r\n",
        "bom": b"\xef\xbb\xbfdef f(a):\n    return a\n",
        "cp1251": "# coding: cp1251\ndef f(a):\n    return 'я'\n".encode("cp1251"),
        "tabs": b"class A:\n\tx = 1\n\n\ndef f(\n\ta,\n\tb,  # two\n):\n\treturn a\n",
        "form feed": b"x = 1\n\x0c\ndef f(a):\n    return a",
    }
    raw = bodies[name]
    codemod = ThreadTenant(ThreadTenantOptions(functions=("m.f",)))
    new, result = run_codemod(codemod, {"m.py": raw}, (), Policy())
    assert not result.not_done
    wanted = raw.replace(b"f(a)", b"f(a, tenant_id: int)").replace(b"# two\n", b"# two\n\ttenant_id: int,\n")
    assert new == {"m.py": wanted}


def test_a_new_text_that_is_not_python_is_given_up_whole() -> None:
    class Bad(TenantJwt):
        def apply(self, project: Project, paths: object = ()) -> CodemodResult:
            return CodemodResult({"a.py": "x = (\n", "b.py": "y = 2\n"}, (Edit("b.py", 1, "bad", "y"),))

    new, result = run_codemod(
        Bad(TenantJwtOptions(module="a.py")), {"a.py": b"x = 1\n", "b.py": b"y = 1\n"}, (), Policy()
    )
    assert new == {}
    assert result.edits == ()
    assert {item.path for item in result.not_done} == {"a.py", "b.py"}


def test_a_character_that_the_encoding_lacks_is_told() -> None:
    class Persian(TenantJwt):
        def apply(self, project: Project, paths: object = ()) -> CodemodResult:
            return CodemodResult({"a.py": "# coding: cp1251\nx = 'پ'\n"})

    new, result = run_codemod(Persian(NoOptions()), {"a.py": b"# coding: cp1251\nx = 1\n"}, (), Policy())
    assert new == {}
    assert "cannot be written" in result.not_done[0].reason


def test_an_edit_without_a_place_is_an_error_and_not_lost() -> None:
    from merge_tool.codemods.edits import EditError

    with pytest.raises(EditError, match="line 7"):
        apply_edits("def f(a): ...\n", FileEdits(parameters={(7, 0): [NewParameter("b")]}))

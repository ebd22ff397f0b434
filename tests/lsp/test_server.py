"""The language server, spoken to by a client over its standard input and output."""

from __future__ import annotations

import ast
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from tests.gitrepo import GitRepo

pytestmark = pytest.mark.asyncio

MODELS = """\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Good(Base):
    __tablename__ = "goods"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    name: Mapped[str]
"""
CRUD = """\
from sqlalchemy import select

from shop.models import Good


async def find(db, tenant_id, name):
    return await db.scalars(select(Good).where(Good.name == "😀" + name))
"""
POLICY = "extends: generic\nname: shop\ncolumn: tenant_id\nparameter: tenant_id\n"


class Editor:
    """A client that remembers what it was shown."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.client = LanguageClient("editor", "1")
        self.shown: dict[str, list[types.Diagnostic]] = {}
        self.messages: list[str] = []
        self.edits: list[types.WorkspaceEdit] = []
        self.news = asyncio.Event()

        @self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.shown[params.uri] = list(params.diagnostics)
            self.news.set()

        @self.client.feature(types.WINDOW_SHOW_MESSAGE)
        def message(params: types.ShowMessageParams) -> None:
            self.messages.append(params.message)
            self.news.set()

        @self.client.feature(types.WORKSPACE_APPLY_EDIT)
        def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            self.edits.append(params.edit)
            self.news.set()
            return types.ApplyWorkspaceEditResult(applied=True)

    def uri(self, path: str) -> str:
        return (self.root / path).resolve().as_uri()

    async def until(self, what: Any) -> None:
        """Waits until a condition holds."""

        async def wait() -> None:
            while not what():
                self.news.clear()
                await self.news.wait()

        await asyncio.wait_for(wait(), 60)

    def open(self, path: str, text: str) -> None:
        item = types.TextDocumentItem(self.uri(path), "python", 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def change(self, path: str, text: str, version: int) -> None:
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version, self.uri(path)),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    def codes(self, path: str) -> list[str]:
        return [str(item.code) for item in self.shown.get(self.uri(path), [])]


@asynccontextmanager
async def editing(root: Path, *args: str) -> AsyncIterator[Editor]:
    editor = Editor(root)
    client = editor.client
    await client.start_io(
        sys.executable, "-m", "merge_tool", "lsp", "--cache-dir", str(root.parent / "cache"), *args
    )
    await client.initialize_async(
        types.InitializeParams(capabilities=types.ClientCapabilities(), root_uri=root.as_uri())
    )
    client.initialized(types.InitializedParams())
    try:
        yield editor
    finally:
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()


def project(tmp_path: Path, **more: str) -> Path:
    repo = GitRepo(tmp_path / "shop")
    repo.commit(
        "all",
        {
            "shop/__init__.py": "",
            "shop/models.py": MODELS,
            "shop/crud.py": CRUD,
            "tenancy.yaml": POLICY,
            **more,
        },
    )
    return repo.path


async def test_findings_follow_what_is_typed(tmp_path: Path) -> None:
    root = project(tmp_path)
    async with editing(root) as editor:
        editor.open("shop/crud.py", CRUD)
        await editor.until(lambda: editor.codes("shop/crud.py"))
        assert editor.codes("shop/crud.py") == ["TQ1"]
        held = CRUD.replace("where(", "where(Good.tenant_id == tenant_id, ")
        editor.change("shop/crud.py", held, 2)
        await editor.until(lambda: not editor.codes("shop/crud.py"))
        assert (root / "shop/crud.py").read_text() == CRUD  # the disk is not what counts
        editor.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(editor.uri("shop/crud.py")))
        )
        await editor.until(lambda: editor.codes("shop/crud.py") == ["TQ1"])  # closed unsaved: the disk counts


async def test_a_finding_in_a_file_that_is_not_open_is_shown_too(tmp_path: Path) -> None:
    async with editing(project(tmp_path)) as editor:
        editor.open("shop/models.py", MODELS)
        await editor.until(lambda: editor.codes("shop/crud.py") == ["TQ1"])


async def test_ranges_count_in_the_units_of_the_client(tmp_path: Path) -> None:
    text = CRUD.replace("    return await", "    x = '😀'; return await")
    async with editing(project(tmp_path)) as editor:
        editor.open("shop/crud.py", text)
        await editor.until(lambda: editor.codes("shop/crud.py"))
        [shown] = editor.shown[editor.uri("shop/crud.py")]
        line = text.splitlines()[shown.range.start.line]
        inside = line.encode("utf-16-le")[2 * shown.range.start.character : 2 * shown.range.end.character]
        assert inside.decode("utf-16-le").startswith("select(Good)")


async def test_hovering_explains_and_a_quick_fix_mends(tmp_path: Path) -> None:
    async with editing(project(tmp_path)) as editor:
        editor.open("shop/crud.py", CRUD)
        uri = editor.uri("shop/crud.py")
        await editor.until(lambda: editor.codes("shop/crud.py"))
        [shown] = editor.shown[uri]
        document = types.TextDocumentIdentifier(uri)
        told = await editor.client.text_document_hover_async(types.HoverParams(document, shown.range.start))
        assert told is not None
        assert isinstance(told.contents, types.MarkupContent)
        assert "**TQ1**" in told.contents.value
        assert "Why is this bad?" in told.contents.value
        nothing = await editor.client.text_document_hover_async(
            types.HoverParams(document, types.Position(0, 0))
        )
        assert nothing is None
        offered = await editor.client.text_document_code_action_async(
            types.CodeActionParams(document, shown.range, types.CodeActionContext([shown]))
        )
        [ignore] = [item for item in offered or [] if isinstance(item, types.CodeAction)]
        # lsprotocol's client reads a code action that has a command as a command whose name is the text of all of it.
        mends = [ast.literal_eval(item.command) for item in offered or [] if isinstance(item, types.Command)]
        assert [item["title"].partition(" (")[0] for item in mends] == [
            "TQ1: mend by filter-query",
            "TQ1: mend by thread-tenant",
        ]
        await editor.client.workspace_execute_command_async(
            types.ExecuteCommandParams(mends[0]["command"], mends[0]["arguments"])
        )
        await editor.until(lambda: editor.edits)
        [edit] = (editor.edits[0].changes or {})[uri]
        assert edit.range.start.line == 6
        assert "Good.tenant_id == tenant_id" in edit.new_text
        assert ignore.edit is not None
        [comment] = (ignore.edit.changes or {})[uri]
        assert comment.new_text == "  # tenant: ignore[TQ1]"  # without a reason it suppresses nothing
        line = CRUD.splitlines()[6]
        assert comment.range.start.character == len(line.encode("utf-16-le")) // 2


async def test_a_policy_that_is_broken_is_told_and_ends_nothing(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "tenancy.yaml").write_text("column: [\n")
    async with editing(root) as editor:
        editor.open("shop/crud.py", CRUD)
        await editor.until(lambda: editor.messages)
        assert "tenancy.yaml" in editor.messages[0]
        (root / "tenancy.yaml").write_text(POLICY)
        editor.client.workspace_did_change_watched_files(
            types.DidChangeWatchedFilesParams(
                [types.FileEvent(editor.uri("tenancy.yaml"), types.FileChangeType.Changed)]
            )
        )
        await editor.until(lambda: editor.codes("shop/crud.py"))


async def test_a_file_that_does_not_parse_is_a_finding(tmp_path: Path) -> None:
    async with editing(project(tmp_path)) as editor:
        editor.open("shop/crud.py", "def f(:\n")
        await editor.until(lambda: "T04" in editor.codes("shop/crud.py"))

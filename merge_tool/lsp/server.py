"""A language server over stdio (Language Server Protocol 3.17), on pygls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from merge_tool import __version__
from merge_tool.codemods.mends import mends_of
from merge_tool.errors import MergeToolError
from merge_tool.lint.loader import load_rules
from merge_tool.lsp.project import Project
from merge_tool.lsp.shown import as_diagnostic, changes_of, page_of, range_of, suppression
from merge_tool.model.source import Diagnostic, Severity

T = TypeVar("T")
FIX = "merge-tool.fix"
CHECK = "merge-tool.check"
WAIT = 0.3  # seconds after the last key before the project is checked


class Server(LanguageServer):
    """The server and the projects whose files are open.

    Args:
        make: makes the project that a file belongs to, from the editor's folder or the file's own.
    """

    def __init__(self, make: Callable[[Path], Project]) -> None:
        super().__init__("merge-tool", f"v{__version__}")
        self._make = make
        self._projects: dict[Path, Project] = {}
        self._shown: dict[Path, set[str]] = {}
        self._waiting: dict[Path, asyncio.Task[None]] = {}
        # One thread does all checks: the cache belongs to it, and one check at a time is enough.
        self._checker = ThreadPoolExecutor(1, "merge-tool-check")
        self._rules = {rule.code: rule for rule in load_rules()}
        self._told = ""

    def project_of(self, uri: str) -> tuple[Project, str] | None:
        """The project of a file and the file's path in it; None where it is no file."""
        name = to_fs_path(uri)
        if not name:
            return None
        file = Path(name)
        for root, project in self._projects.items():
            if path := project.path_of(file):
                return self._projects[root], path
        project = self._make(file)
        self._projects[project.root] = project
        return (project, path) if (path := project.path_of(file)) else None

    def took(self, uri: str, text: str | None) -> None:
        """Notes the text of an open file (None: closed, or saved and the same as on disk), and checks soon."""
        found = self.project_of(uri)
        if found is None:
            return
        project, path = found
        if text is None:
            project.open.pop(path, None)
        else:
            project.open[path] = text.encode("utf-8", "surrogatepass")
        self.check_soon(project)

    def check_soon(self, project: Project) -> None:
        """Checks a project a moment after the last call."""
        waiting = self._waiting.get(project.root)
        if waiting is not None:
            waiting.cancel()
        self._waiting[project.root] = asyncio.get_running_loop().create_task(self._check_later(project))

    async def _check_later(self, project: Project) -> None:
        await asyncio.sleep(WAIT)
        # What is under way is not cut off by the next key: a thread cannot be, and its facts are kept.
        await asyncio.shield(self._check(project))

    async def _check(self, project: Project) -> None:
        try:
            findings = await self._beside(project.check)
        except MergeToolError as error:
            self.say(f"{error}" + (f" ({error.hint})" if error.hint else ""), types.MessageType.Warning)
            return
        except Exception as error:  # a bug of ours: nobody awaits this task, so the editor is told here
            self.say(f"merge-tool could not check the project: {error!r}", types.MessageType.Error)
            raise
        self._publish(project, findings)

    async def _beside(self, work: Callable[[], T]) -> T:
        """Does work in the checking thread, while the editor is answered in this one."""
        return await asyncio.get_running_loop().run_in_executor(self._checker, work)

    def say(self, text: str, kind: types.MessageType) -> None:
        """Shows a message, once where the same comes again and again."""
        if text != self._told:
            self._told = text
            self.window_show_message(types.ShowMessageParams(kind, text))

    def _publish(self, project: Project, findings: tuple[Diagnostic, ...]) -> None:
        """Shows findings: in open files all, in others those that fail a run; files that have none any more are cleared."""
        by_path: dict[str, list[Diagnostic]] = {}
        for item in findings:
            if item.path in project.open or item.severity is not Severity.INFO:
                by_path.setdefault(item.path, []).append(item)
        before = self._shown.get(project.root, set())
        self._shown[project.root] = set(by_path)
        for path in sorted({*by_path, *before, *project.open}):
            lines = project.text_of(path).splitlines(keepends=True)
            codec = self.workspace.position_codec
            shown = [
                as_diagnostic(item, lines, codec, self._rules.get(item.code))
                for item in by_path.get(path, [])
            ]
            uri = from_fs_path(str(project.root / path)) or ""
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, shown))

    def lines_of(self, uri: str) -> list[str]:
        """The lines of a file as the editor has it; none where it is no file of a project."""
        found = self.project_of(uri)
        return found[0].text_of(found[1]).splitlines(keepends=True) if found is not None else []

    def at(self, uri: str, where: types.Range) -> list[Diagnostic]:
        """The findings of the last check that touch a range of a file."""
        found = self.project_of(uri)
        lines, codec = self.lines_of(uri), self.workspace.position_codec
        inside = []
        for item in found[0].findings if found is not None else ():
            if found is not None and item.path == found[1]:
                span = range_of(item.span, lines, codec)
                if _before(span.start, where.end) and _before(where.start, span.end):
                    inside.append(item)
        return inside

    def hover_text(self, uri: str, at: types.Position) -> str:
        """The pages of the rules whose findings stand at a place, each with the finding and the way to it."""
        found = self.at(uri, types.Range(at, at))
        return "\n\n---\n\n".join(page_of(item, self._rules.get(item.code)) for item in found)

    def actions(self, uri: str, where: types.Range) -> list[types.CodeAction]:
        """What can be done about the findings in a range: the codemods for their rules, and a suppression with a reason."""
        lines, codec = self.lines_of(uri), self.workspace.position_codec
        actions = []
        for item in self.at(uri, where):
            shown = as_diagnostic(item, lines, codec, self._rules.get(item.code))
            for way in mends_of(item.code) if item.severity is not Severity.INFO else ():
                kind = "" if way.safe else " (unsafe: changes what others rely on)"
                title = f"{item.code}: mend by {way.codemod}{kind}"
                arguments = [uri, item.code, item.span.line, item.message, not way.safe]
                actions.append(
                    types.CodeAction(
                        title, types.CodeActionKind.QuickFix, [shown], command=types.Command(title, FIX, arguments=arguments), is_preferred=way.safe or None
                    )
                )  # fmt: skip
            if edit := suppression(item, lines, codec):
                actions.append(
                    types.CodeAction(
                        f"{item.code}: ignore here (write the reason behind it)", types.CodeActionKind.QuickFix, [shown],
                        edit=types.WorkspaceEdit(changes={uri: [edit]}),
                    )
                )  # fmt: skip
        return actions

    async def fix(self, uri: str, code: str, line: int, message: str, unsafe: bool) -> None:
        """Mends one finding by an edit that the editor applies, or says why it stays."""
        found = self.project_of(uri)
        if found is None:
            return
        project, path = found
        item = next(
            (i for i in project.findings if (i.code, i.path, i.span.line, i.message) == (code, path, line, message)), None
        )  # fmt: skip
        if item is None:
            self.say(f"{code} does not stand there any more", types.MessageType.Info)
            return
        try:
            done = await self._beside(lambda: project.mend(item, unsafe=unsafe))
        except MergeToolError as error:
            self.say(f"{code} was left: {error}", types.MessageType.Warning)
            return
        if not done.texts:
            why = done.left[0].reason if done.left else "no codemod can"
            self._told = ""
            self.say(f"{code} was left: {why}", types.MessageType.Warning)
            return
        edits = {}
        for changed, data in done.texts.items():
            target = from_fs_path(str(project.root / changed)) or ""
            edits[target] = changes_of(
                project.text_of(changed), data.decode("utf-8"), self.workspace.position_codec
            )
        await self.workspace_apply_edit_async(
            types.ApplyWorkspaceEditParams(types.WorkspaceEdit(changes=edits), f"merge-tool: {code}")
        )


def _before(one: types.Position, other: types.Position) -> bool:
    return (one.line, one.character) <= (other.line, other.character)


def make_server(make: Callable[[Path], Project]) -> Server:
    """A server with its features registered; `start_io` serves it."""
    server = Server(make)

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.took(params.text_document.uri, params.text_document.text)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.took(uri, server.workspace.get_text_document(uri).source)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.took(uri, server.workspace.get_text_document(uri).source)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.took(params.text_document.uri, None)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def watched(params: types.DidChangeWatchedFilesParams) -> None:
        for change in params.changes:
            if found := server.project_of(change.uri):
                server.check_soon(found[0])

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        text = server.hover_text(params.text_document.uri, params.position)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text else None

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions([types.CodeActionKind.QuickFix]))
    def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        return server.actions(params.text_document.uri, params.range)

    @server.command(FIX)
    async def fix(uri: str, code: str, line: int, message: str, unsafe: bool) -> None:
        await server.fix(uri, code, line, message, unsafe)

    @server.command(CHECK)
    def check(uri: str) -> None:
        if found := server.project_of(uri):
            server.check_soon(found[0])

    return server

"""A fork's branch before and after a merge, with all that a report looks at, in a real repository."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from merge_tool.model.outcome import Conflict, FileVerdict, Outcome, OutcomeStatus, Verdict
from merge_tool.model.policy import Policy
from merge_tool.model.source import NotDone
from merge_tool.model.state import Run, StoryStatus
from merge_tool.plan.policy import load_policy
from merge_tool.report.data import build_report
from merge_tool.report.lines import ReportData
from merge_tool.report.review import reviewed
from merge_tool.store.store import Store
from merge_tool.vcs.repo import Repository
from tests.gitrepo import GitRepo
from tests.report.conftest import EVIL, RUN, UNITS, step

PATH = f"app/{EVIL.replace('//', '/')}.py"  # git has no file with an empty folder in its name
MODELS = """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase): pass

class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    tenant_id = Column(Integer, nullable=False, index=True)
    code = Column(String)
"""
CRUD = """\
from sqlalchemy import select, text
from app.models import Order


async def by_code(db, tenant_id, code):
    return await db.execute(select(Order).where(Order.tenant_id == tenant_id, Order.code == code))
"""
LEAK = """\


async def all_orders(db):
    return await db.execute(select(Order))


async def raw(db):
    return await db.execute(text("SELECT * FROM orders"))
"""
ROUTES = """\
from fastapi import APIRouter, Depends
from sqlalchemy import select
from app.models import Order

router = APIRouter()


@router.get("/orders/{order_id}")
async def read_order(order_id: int, db=Depends(object)):
    return await db.execute(select(Order).where(Order.id == order_id))
"""
HOSTILE = f'"""{EVIL}\n</script><script>alert(2)</script>"""\nsalam = "سلام دنیا"  # \x1b[31m red\n'.encode(
    "utf-8", "surrogateescape"
)
BEFORE: dict[str, str | bytes | None] = {
    "app/__init__.py": "", "app/models.py": MODELS, "app/crud.py": CRUD, "app/gone.py": "x = 1\n", "app/old_name.py": MODELS.replace("Order", "Item"),
    "app/plain.py": "a = 1\nb = 2\n", "tests/test_crud.py": "from app.crud import by_code\n", "logo.png": b"\x89PNG\0\1",
}  # fmt: skip
AFTER: dict[str, str | bytes | None] = {
    "app/crud.py": CRUD + LEAK, "app/gone.py": None, "app/old_name.py": None, "app/new_name.py": MODELS.replace("Order", "Item") + "# more\n",
    "app/routes.py": ROUTES, "app/plain.py": "a = 1\nb = 3\n", "logo.png": b"\x89PNG\0\2", "by_hand.py": "y = 2\n", PATH: HOSTILE,
}  # fmt: skip
VERDICTS = (
    FileVerdict("app/crud.py", Verdict.MERGED, "git"),
    FileVerdict("app/gone.py", Verdict.DELETED, "git"),
    FileVerdict("app/new_name.py", Verdict.UPDATED, "git", "renamed from app/old_name.py"),
    FileVerdict("app/routes.py", Verdict.COPIED, "copy"),
    FileVerdict("app/plain.py", Verdict.UPDATED, "git"),
    FileVerdict("logo.png", Verdict.UPDATED, "git"),
    FileVerdict(PATH, Verdict.COPIED, "copy", EVIL),
)


def merged_run(store: Store, folder: Path) -> tuple[Run, Repository]:
    """A run whose story 0.1 made the branch `AFTER` of the fork `BEFORE`, and whose story 1.1 stopped at a conflict."""
    git = GitRepo(folder)
    before = git.commit("before", BEFORE)
    after = git.commit("after", AFTER)
    run = replace(RUN, fork_commit=before, tip=after)
    first, second = UNITS[:2]
    store.set_story(run.id, *first, status=StoryStatus.RUNNING, base_commit=before)
    step(
        store, first, 0, "merge",
        Outcome(OutcomeStatus.DONE, "done", files=VERDICTS, not_done=(NotDone("app/crud.py", 9, "thread-tenant", EVIL),)),
    )  # fmt: skip
    store.finish_story(run.id, *first, after, StoryStatus.DONE)
    store.set_story(run.id, *second, status=StoryStatus.RUNNING, base_commit=after)
    step(
        store, second, 0, "merge",
        Outcome(
            OutcomeStatus.STOPPED, "1 conflict", files=(FileVerdict("app/models.py", Verdict.CONFLICTED, "git", "content"),),
            conflicts=(Conflict("app/models.py", "content"),),
        ),
    )  # fmt: skip
    store.set_story(run.id, *second, status=StoryStatus.STOPPED, message=f"1 conflict {EVIL}")
    return run, Repository.open(folder)


def generic() -> Policy:
    """The bundled policy for any project."""
    return load_policy("generic", root=Path("/nonexistent"))


def looked_at(store: Store, folder: Path, phase: int | None = None) -> ReportData:
    """The report of `merged_run`, with what the repository tells."""
    run, repo = merged_run(store, folder)
    return reviewed(build_report(store, run, phase), repo, generic())

"""Breaks the merged miniature in one place at a time, and asks whether the matching acceptance criteria turn red.

    python benchmarks/criteria_mutations.py [--fork DIR] [--postgres URL] [--only NAME] [--json]

Runs the demo first, unless --fork names the fork of a finished one. Each mutation drops or changes one thing that keeps tenants apart: a
filter, a claim, a prefix, a dependency, an index, a policy. A mutation is caught when all the criteria that it is listed with fail.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merge_tool.actions.base import Context, Settings
from merge_tool.actions.criteria import evaluate
from merge_tool.actions.registry import action_types
from merge_tool.bundled import bundled
from merge_tool.model.outcome import CriterionStatus
from merge_tool.model.plan import Criterion, Plan, Story
from merge_tool.plan.load import load_plan
from merge_tool.plan.policy import load_policy
from merge_tool.vcs.repo import Repository
from merge_tool.vcs.workspace import Workspace


@dataclass(frozen=True)
class Mutation:
    """One thing to break: in the one file that matches `path`, `old` (all of them) becomes `new`."""

    name: str
    path: str
    old: str
    new: str
    criteria: tuple[str, ...]
    postgres: bool = False


CONFIG, MODELS = "app/database/crud/bot_configuration.py", "app/database/models.py"
JWT, DEPENDENCIES = "app/cabinet/auth/jwt_handler.py", "app/cabinet/dependencies.py"
PROMO, PROMO_SERVICE = "app/database/crud/promocode.py", "app/services/promocode_service.py"
CART, NALOGO = "app/services/user_cart_service.py", "app/services/nalogo_service.py"
AUTH, USER = "app/cabinet/routes/auth.py", "app/database/crud/user.py"
COLUMNS = "migrations/alembic/versions/*_add_cabinet_columns.py"

CLAIM_CHECK = """\
        if payload.get("bot_id") != bot_id:
            logger.warning("Token refused, it is not of this tenant: bot_id=%s", bot_id)
            raise jwt.InvalidTokenError("The token is not of this tenant")
"""

MUTATIONS = [
    Mutation("configuration of any tenant", CONFIG, "BotConfiguration.bot_id == bot_id, ", "", ("1.1.1", "1.1.3")),
    Mutation("secret under another key", CONFIG, '"cabinet.jwt_secret"', '"cabinet.secret"', ("1.1.1",)),
    Mutation("INN under another key", CONFIG, '"nalogo.inn"', '"nalogo.number"', ("1.1.2",)),
    Mutation("a secret for everybody", CONFIG, "return None if value is None else str(value)", 'return str(value or "secret")', ("1.1.4",)),
    Mutation("cache shared by tenants", CONFIG, "bot_config:{bot_id}:{config_key}", "bot_config:{config_key}", ("1.1.3",)),
    Mutation("no cache", CONFIG, "            _cache[key] = held\n", "            pass\n", ("4.4.5",)),
    Mutation("cache kept over a change", CONFIG, "_cache.pop(key, None)", "pass", ("4.4.5",)),
    Mutation("column gone from the model", MODELS, "    cabinet_password_hash = Column(String(255), nullable=True)\n", "", ("1.2.1", "1.2.4")),
    Mutation("column not nullable", MODELS, "cabinet_email = Column(String(255), nullable=True)", "cabinet_email = Column(String(255), nullable=False)", ("1.2.1",)),
    Mutation("column not migrated", COLUMNS, "'cabinet_email', sa.", "'cabinet_mail', sa.", ("1.2.2",)),
    Mutation("existing users verified", COLUMNS, "false", "true", ("1.2.3",)),
    Mutation("no claim in the access token", JWT, '        "bot_id": bot_id,\n', "", ("2.2.1",)),
    Mutation("claim not compared", JWT, 'if payload.get("bot_id") != bot_id:', "if False:", ("2.2.3",)),
    Mutation("claim optional", JWT, 'payload.get("bot_id") != bot_id', 'payload.get("bot_id", bot_id) != bot_id', ("2.5.6",)),
    Mutation("no check of the claim", JWT, CLAIM_CHECK, "", ("2.2.2", "2.2.3")),
    Mutation("route without the dependency", "app/cabinet/routes/info.py", "    bot_id: int = Depends(get_cabinet_tenant),\n", "", ("2.5.1",)),
    Mutation("query without the filter", AUTH, "select(User).where(User.email_verification_token == request.token, User.bot_id == bot_id)", "select(User).where(User.email_verification_token == request.token)", ("2.5.2", "8.2.2")),
    Mutation("reset of any tenant's password", AUTH, "select(User).where(User.password_reset_token == request.token, User.bot_id == bot_id)", "select(User).where(User.password_reset_token == request.token)", ("2.5.2", "8.2.2")),
    Mutation("requests of the first tenant", "app/middleware/tenant_middleware.py", "set_current_tenant(bot_id)", "set_current_tenant(1)", ("2.5.3", "8.2.2")),
    Mutation("no refusal without a tenant", DEPENDENCIES, "    if bot_id is None:\n", "    if bot_id is None:\n        return 1\n    if bot_id is None:\n", ("2.5.4", "8.2.6")),
    Mutation("no refusal of another tenant's user", DEPENDENCIES, "if user.bot_id != bot_id:", "if False:", ("2.5.5", "8.2.5")),
    Mutation("first purchase never", PROMO_SERVICE, 'if getattr(user, "has_had_paid_subscription", False)', "if True", ("3.1.1",)),
    Mutation("first purchase always", PROMO_SERVICE, 'if getattr(user, "has_had_paid_subscription", False)', "if False", ("3.1.2",)),
    Mutation("no pages", PROMO, ".offset(offset).limit(limit)", "", ("3.1.3",)),
    Mutation("promo codes of all tenants", PROMO, "query = query.where(PromoCode.bot_id == bot_id)", "pass", ("3.1.4",)),
    Mutation("update of any tenant's code", PROMO, ".where(PromoCode.id == promocode_id, PromoCode.bot_id == bot_id)", ".where(PromoCode.id == promocode_id)", ("3.1.4",)),
    Mutation("negative pages", PROMO, "if offset < 0 or limit < 1:", "if False:", ("3.1.5",)),
    Mutation("flag not stored", PROMO, "        first_purchase_only=first_purchase_only,\n", "", ("3.1.6",)),
    Mutation("no index of users", MODELS, 'Index("idx_users_bot_id", "bot_id")', 'Index("idx_users_bot_id", "username")', ("3.4.5",)),
    Mutation("cart without the tenant", CART, 'f"cart:{tenant}:{user_id}"', 'f"cart:{user_id}"', ("4.2.1", "4.2.2", "4.2.3", "4.2.4")),
    Mutation("cart under another key", CART, 'f"cart:{tenant}:{user_id}"', 'f"cart:{user_id}:{tenant}"', ("4.2.1",)),
    Mutation("cart of the first tenant", CART, "if bot_id is None else bot_id", "if bot_id is None else 1", ("4.2.2", "4.2.4")),
    Mutation("global INN", NALOGO, 'missing = [name', 'config["inn"] = settings.NALOGO_INN\n        missing = [name', ("6.1.1",)),
    Mutation("credentials of the first tenant", NALOGO, "get_nalogo_config(session, bot_id)", "get_nalogo_config(session, 1)", ("6.1.2", "6.1.4", "8.2.3")),
    Mutation("another message", NALOGO, "Nalogo config not found for bot_id", "No Nalogo for", ("6.1.3",)),
    Mutation("errors of the API swallowed", NALOGO, 'raise ValueError(f"Failed to create receipt: {error}") from error', "return None", ("6.1.5",)),
    Mutation("half a configuration", NALOGO, 'for name in ("inn", "password") if', 'for name in ("inn",) if', ("6.1.6",)),
    Mutation("users of all tenants", USER, "query = query.where(User.bot_id == bot_id)", "pass", ("8.2.1",)),
    Mutation("tickets of all tenants", "app/database/crud/ticket.py", "query = query.where(Ticket.bot_id == bot_id)", "pass", ("8.2.1",)),
    Mutation("queue of all tenants", NALOGO, "cache_key(self.bot_id, ", "cache_key(", ("8.2.3",)),
    Mutation("an integration test that fails", "tests/integration/test_tenant_data.py", "== [user_id]", "== []", ("8.2.1", "8.2.4")),
    Mutation("row level security not forced", "migrations/alembic/versions/*_add_tenants.py", "FORCE ROW LEVEL SECURITY", "ENABLE ROW LEVEL SECURITY", ("8.2.1",), True),
    Mutation("policy for everybody", "migrations/alembic/versions/*_add_tenants.py", "CREATE POLICY", "-- CREATE POLICY", ("8.2.1",), True),
]  # fmt: skip


@dataclass
class Bench:
    """The finished branch in a folder of its own."""

    repo: Repository
    plan: Plan
    tree: str
    folder: Path

    def criterion(self, name: str) -> tuple[Story, Criterion]:
        """A criterion of the plan with its story."""
        return next(
            (story, item) for story in self.plan.stories() for item in story.criteria if item.id == name
        )

    def standing(
        self, criteria: tuple[str, ...], change: tuple[str, str] | None = None
    ) -> dict[str, tuple[str, str]]:
        """Status and evidence of criteria on the branch, with one file changed for the time of the question."""
        workspace = Workspace(self.repo, self.tree)
        target, before = None, b""
        if change is not None:
            target = self.folder / change[0]
            before = target.read_bytes()
            target.write_text(change[1], encoding="utf-8")
            workspace.write(change[0], change[1].encode())
        try:
            found = {}
            for name in criteria:
                story, item = self.criterion(name)
                (result,) = evaluate(self._context(story, workspace), [item])
                found[name] = (result.status.value, result.evidence)
            return found
        finally:
            if target is not None:
                target.write_bytes(before)

    def _context(self, story: Story, workspace: Workspace) -> Context:
        place: Any = type("Place", (), {"path": self.folder})()
        return Context(
            self.repo, workspace, self.plan, story, 0, load_policy(self.plan.policy, root=self.repo.root), {}, None, self.tree,
            settings=Settings(python=sys.executable), worktree=lambda: place,
        )  # fmt: skip

    def mutated(self, mutation: Mutation) -> tuple[str, str]:
        """The file that a mutation changes, and its new text.

        Raises:
            SystemExit: the mutation fits no file any more.
        """
        names = self.repo.ls_tree(self.tree)
        for path in sorted(name for name in names if fnmatch.fnmatchcase(name, mutation.path)):
            text = (self.folder / path).read_text(encoding="utf-8")
            if mutation.old in text:
                return path, text.replace(mutation.old, mutation.new)
        raise SystemExit(f"{mutation.name}: no {mutation.path} holds {mutation.old!r}")


def open_bench(fork: Path, folder: Path) -> Bench:
    """Checks the merge branch of a finished demo out into `folder`."""
    repo = Repository.open(fork)
    branch = next(name for name in repo.refs("refs/heads/") if name.startswith("refs/heads/merge/"))
    tree = repo.tree_of(branch)
    archive = subprocess.run(["git", "archive", tree], cwd=fork, capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return Bench(repo, load_plan(bundled("phases.yaml"), action_types()), tree, folder)


def judge(bench: Bench, mutation: Mutation) -> dict[str, Any]:
    """Which of a mutation's criteria turned red."""
    began = time.perf_counter()
    found = bench.standing(mutation.criteria, bench.mutated(mutation))
    missed = [name for name, (status, _) in found.items() if status != CriterionStatus.FAILED.value]
    return {
        "mutation": mutation.name, "criteria": list(mutation.criteria), "caught": not missed, "missed": missed,
        "evidence": {name: text for name, (_, text) in found.items()}, "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip


def main() -> int:
    """Runs the mutations; the exit code is 1 where one was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fork", type=Path, help="the fork of a finished demo")
    parser.add_argument(
        "--postgres", default="", help="a PostgreSQL for the policies (TEST_POSTGRES_URL of the miniature)"
    )
    parser.add_argument("--only", default="", help="a part of the names of the mutations to try")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.postgres:
        os.environ["TEST_POSTGRES_URL"] = options.postgres
    rows = []
    with tempfile.TemporaryDirectory() as home:
        fork = options.fork
        if fork is None:
            subprocess.run(
                [sys.executable, "-m", "merge_tool", "demo", f"{home}/demo", "--json"],
                stdout=subprocess.DEVNULL,
                check=True,
            )
            fork = Path(home) / "demo" / "fork"
        folder = Path(home) / "tree"
        folder.mkdir()
        bench = open_bench(fork, folder)
        for mutation in MUTATIONS:
            if options.only in mutation.name and (options.postgres or not mutation.postgres):
                rows.append(judge(bench, mutation))
                if not options.json:
                    row = rows[-1]
                    print(
                        f"{'caught' if row['caught'] else 'MISSED'}  {row['mutation']}: {', '.join(row['missed'] or row['criteria'])}  {row['seconds']} s",
                        flush=True,
                    )
    caught = sum(row["caught"] for row in rows)
    if options.json:
        print(
            json.dumps({"mutations": len(rows), "caught": caught, "rows": rows}, indent=2, ensure_ascii=False)
        )
    else:
        print(f"{caught} of {len(rows)} mutations turned their criteria red")
    return 0 if caught == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())

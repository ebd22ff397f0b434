"""Which policy `validate` and `codemod` take."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from merge_tool.cli import run
from merge_tool.commands.policy_choice import choose_policy
from tests.project import PLAN, make_project


def test_the_option_then_the_plan_then_the_run_then_generic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    root = project.fork.path
    assert choose_policy(root, "remnabot", None).origin == "--policy"
    assert choose_policy(root, "", None).origin == "named by phases.yaml"
    project.fork.commit("no plan here", {"phases.yaml": None})
    assert choose_policy(root, "", None).policy.name == "generic"
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.replace("policy: generic", "policy: remnabot"))
    assert run(["phase", "0", "--repo", str(root), "--plan", str(plan)]) == 0
    capsys.readouterr()
    for folder in (root, root / ".merge-tool" / "worktree"):
        chosen = choose_policy(folder, "", None)
        assert (chosen.policy.name, chosen.origin) == ("remnabot", "that of the run here")


def test_an_own_policy_counts_where_the_plan_names_none(tmp_path: Path) -> None:
    (tmp_path / "tenancy.yaml").write_text("extends: generic\nname: ours\ncolumn: shop_id\n")
    chosen = choose_policy(tmp_path, "", None)
    assert (chosen.policy.column, chosen.origin, chosen.known) == ("shop_id", "tenancy.yaml", True)


MODEL = """from sqlalchemy import Column, Integer
from sqlalchemy.orm import declarative_base
Base = declarative_base()
class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    {column} = Column(Integer, nullable=False, index=True)
"""


@pytest.mark.parametrize(
    ("column", "name"), [("tenant_id", "generic"), ("bot_id", "remnabot"), ("shop_id", ""), ("", "")]
)
def test_without_a_name_the_models_tell_or_nobody_does(
    tmp_path: Path, column: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app").mkdir()
    text = MODEL.format(column=column) if column else "import redis\n"
    (tmp_path / "app" / "models.py").write_text(text)
    chosen = choose_policy(tmp_path, "", None)
    assert (chosen.policy.name, chosen.known) == (name or "generic", bool(name))
    run(["validate", "--repo", str(tmp_path)])
    capsys.readouterr()
    code = run(["validate", "--repo", str(tmp_path)])  # from the cache, and as wary
    told = capsys.readouterr().err
    if column == "shop_id":  # a clean run would say nothing: every query would pass
        assert code == 2
        assert "none of the 1 models here has the column tenant_id" in told
    else:
        assert code == 0
        assert f"policy: {name or 'generic'} (no policy was named" in told
    code = run(["codemod", "filter-query", "--repo", str(tmp_path)])
    assert code == (0 if name else 2)
    assert ("a codemod must know what a tenant is" in capsys.readouterr().err) is not bool(name)


def test_a_project_elsewhere_is_found_by_a_path_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`merge-tool validate ../other/app` reads the whole of the other project, and its own policy."""
    other, here = tmp_path / "other", tmp_path / "here"
    (other / "app").mkdir(parents=True)
    here.mkdir()
    (other / "tenancy.yaml").write_text("extends: generic\nname: ours\ncolumn: shop_id\n")
    (other / "app" / "models.py").write_text(MODEL.format(column="shop_id"))
    query = "from sqlalchemy import select\nfrom app.models import User\ndef f(db):\n    db.scalars(select(User))\n"
    (other / "app" / "crud.py").write_text(query)
    (other / "aside.py").write_text(query)
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    subprocess.run(["git", "-C", str(other), "add", "."], check=True)
    monkeypatch.chdir(here)
    for path, found in ((other, 2), (other / "app", 1), (other / "app" / "crud.py", 1)):
        assert run(["validate", str(path), "--select", "TQ1", "--json", "--no-cache"]) == 1
        told = capsys.readouterr()
        assert len(json.loads(told.out)["findings"]) == found
        assert "policy: ours (tenancy.yaml)" in told.err
    assert run(["validate", str(other), "--repo", str(here), "--no-cache"]) == 2
    assert "lies outside" in capsys.readouterr().err

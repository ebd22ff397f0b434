"""What other people's CI takes from here: well-formed by the services' own schemas, and run as those run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gitrepo import ENV, GitRepo

ROOT = Path(__file__).parent.parent.parent
MODELS = """\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Good(Base):
    __tablename__ = "goods"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(index=True)
"""
HELD = "from sqlalchemy import select\n\nfrom shop.models import Good\n\n\ndef find(tenant_id):\n    return select(Good).where(Good.tenant_id == tenant_id)\n"
OPEN = HELD + "\n\ndef find_all():\n    return select(Good)\n"
POLICY = "extends: generic\nname: shop\ncolumn: tenant_id\nparameter: tenant_id\n"


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("ci/github/action.yml", "vendor.github-actions"),
        ("ci/github/example-workflow.yml", "vendor.github-workflows"),
        ("ci/gitlab/merge-tool.gitlab-ci.yml", "vendor.gitlab-ci"),
    ],
)
def test_templates_are_what_the_services_take(path: str, schema: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    if schema == "vendor.gitlab-ci":
        command += ["--data-transform", "gitlab-ci"]
    done = subprocess.run([*command, str(ROOT / path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


class Job:
    """A project with one good commit and one that opens a query, and the environment of a job on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.repo = GitRepo(path / "shop")
        first = {
            "shop/__init__.py": "",
            "shop/models.py": MODELS,
            "shop/crud.py": HELD,
            "tenancy.yaml": POLICY,
        }
        self.base = self.repo.commit("base", first)
        programs = path / "bin"
        programs.mkdir()
        (programs / "merge-tool").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m merge_tool "$@"\n')
        (programs / "merge-tool").chmod(0o755)
        self.env = {
            **ENV,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "MERGE_TOOL_CACHE_DIR": str(path / "cache"),
        }

    def open_query(self) -> None:
        self.repo.commit("open", {"shop/crud.py": OPEN})

    def run(self, script: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(
            command, cwd=self.repo.path, env={**self.env, **env}, capture_output=True, text=True, check=False
        )


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def github(job: Job, **env: str) -> tuple[subprocess.CompletedProcess[str], str, str]:
    """Runs the action's own step, as the runner does; gives its end, its outputs and the job's summary."""
    action = read("ci/github/action.yml")
    [step] = [step for step in action["runs"]["steps"] if step.get("id") == "validate"]
    defaults = {name: str(item.get("default", "")) for name, item in action["inputs"].items()}
    given = {
        "PATHS": "", "POLICY": "", "SINCE": defaults["since"], "BASELINE": "", "SARIF": defaults["sarif"], "BASE_SHA": job.base
    }  # fmt: skip
    assert set(step["env"]) == {*given, "MERGE_TOOL_CACHE_DIR"}
    assert "${{" not in step["run"]  # nothing from outside is pasted into the script
    out, summary = job.path / "output", job.path / "summary.md"
    out.touch()
    summary.touch()
    done = job.run(
        step["run"], **{**given, "GITHUB_OUTPUT": str(out), "GITHUB_STEP_SUMMARY": str(summary), **env}
    )
    return done, out.read_text(), summary.read_text()


def test_the_github_action_fails_on_what_a_pull_request_brings_in(job: Job) -> None:
    done, outputs, summary = github(job)
    assert done.returncode == 0, done.stderr
    assert outputs == "exit-code=0\n"
    assert "no finding" in summary
    job.open_query()
    done, outputs, summary = github(job)
    assert done.returncode == 1
    assert outputs.endswith("exit-code=1\n")
    assert "::error file=shop/crud.py,line=11" in done.stdout
    assert "`shop/crud.py:11`" in summary
    sarif = json.loads((job.repo.path / "merge-tool.sarif").read_text())
    assert [item["ruleId"] for item in sarif["runs"][0]["results"]] == ["TQ1"]


def test_the_github_action_takes_paths_and_says_what_is_wrong(job: Job) -> None:
    job.open_query()
    done, _, _ = github(job, PATHS="shop/models.py tenancy.yaml", SINCE="")
    assert done.returncode in (0, 2)
    done, _, _ = github(job, PATHS="shop/models.py shop/__init__.py", SINCE="")
    assert done.returncode == 0, done.stderr
    done, outputs, _ = github(job, POLICY="nobody.yaml")
    assert done.returncode == 2
    assert outputs.endswith("exit-code=2\n")
    assert "nobody.yaml" in done.stderr
    assert not (job.repo.path / "merge-tool.sarif").exists()
    done, _, _ = github(job, POLICY="$(touch pwned)")
    assert done.returncode == 2
    assert not (job.repo.path / "pwned").exists()


def test_the_gitlab_job_fails_on_what_a_merge_request_brings_in(job: Job) -> None:
    [script] = read("ci/gitlab/merge-tool.gitlab-ci.yml")["merge-tool"]["script"]
    env = {"MERGE_TOOL_POLICY": "tenancy.yaml", "CI_MERGE_REQUEST_DIFF_BASE_SHA": job.base}
    assert job.run(script, **env).returncode == 0
    job.open_query()
    done = job.run(script, **env)
    assert done.returncode == 1, done.stderr
    assert "TQ1" in (job.repo.path / "merge-tool.xml").read_text()
    assert job.run(script, **{**env, "MERGE_TOOL_POLICY": "nobody.yaml"}).returncode == 2


def test_pre_commit_hooks_run(job: Job) -> None:
    hooks = {item["id"]: item for item in read(".pre-commit-hooks.yaml")}
    job.open_query()
    assert job.run(f"{hooks['merge-tool']['entry']} shop/models.py").returncode == 0
    assert job.run(f"{hooks['merge-tool']['entry']} shop/crud.py shop/models.py").returncode == 1
    assert job.run(hooks["merge-tool-new"]["entry"]).returncode == 0
    (job.repo.path / "shop/crud.py").write_text(OPEN + "\n\ndef again():\n    return select(Good)\n")
    assert job.run(hooks["merge-tool-new"]["entry"]).returncode == 1

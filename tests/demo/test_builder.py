"""The builder: the same ids at every build and on every machine, a real history, and clear errors."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from merge_tool.demo.builder import Miniature, build_miniature
from merge_tool.demo.recipe import read_base, read_commits
from merge_tool.errors import PlanError, UserError

# What each of the seed's commits touches in the real upstream.
TOUCHED = {
    "2156f630": {
        "app/database/models.py",
        "app/database/universal_migration.py",
        "app/handlers/admin/promocodes.py",
        "app/handlers/promocode.py",
        "app/services/promocode_service.py",
    },
    "5a5a18d8": {"app/handlers/admin/promocodes.py"},
    "9cd5d8e0": {"app/services/promocode_service.py"},
    "4bebff5c": {"app/handlers/menu.py", "app/services/subscription_auto_purchase_service.py"},
    "e15728e3": {
        "app/handlers/simple_subscription.py",
        "app/services/subscription_renewal_service.py",
        "app/services/subscription_service.py",
    },
    "56cc8bac": {"app/database/crud/subscription.py", "app/handlers/subscription/purchase.py"},
    "bce05d4b": {"app/handlers/subscription/purchase.py"},
    "bc19ec32": {"app/config.py", "app/services/user_cart_service.py", "tests/test_user_cart_service.py"},
    "5aa9b6dd": {"app/services/payment/yookassa.py"},
    "dd860146": {"app/handlers/balance/main.py"},
    "9bd1944b": {"app/cabinet/routes/balance.py", "app/cabinet/schemas/balance.py"},
}


def git(path: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=path, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_second_build_has_the_same_ids_whatever_the_users_settings(
    miniature: Miniature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[commit]\n\tgpgsign = true\n[core]\n\tautocrlf = true\n[init]\n\tdefaultBranch = trunk\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("TZ", "Asia/Tehran")
    again = build_miniature(tmp_path / "again")
    monkeypatch.undo()
    assert (again.fork_point, again.upstream_head) == (miniature.fork_point, miniature.upstream_head)
    assert git(again.fork, "rev-parse", "main") == git(miniature.fork, "rev-parse", "main")
    assert git(again.upstream, "show-ref") == git(miniature.upstream, "show-ref")


def test_the_trees_are_clean_and_whole(miniature: Miniature) -> None:
    for path in (miniature.upstream, miniature.fork):
        assert git(path, "symbolic-ref", "--short", "HEAD") == "main"
        assert git(path, "status", "--porcelain", "--ignored") == ""
        assert git(path, "fsck", "--strict") == ""
    assert git(miniature.fork, "merge-base", "main", "upstream/main") == miniature.fork_point
    assert int(git(miniature.fork, "rev-list", "--count", f"{miniature.fork_point}..main")) >= 5


def test_the_history_has_the_real_ones_kinds_of_change(miniature: Miniature) -> None:
    changes = git(
        miniature.upstream, "log", "--raw", "-M", "--format=", f"{miniature.fork_point}..main"
    ).splitlines()
    kinds = {line.split("\t")[0].split()[4][0] for line in changes}
    assert kinds == {"A", "M", "D", "R"}
    assert any(line.startswith(":100644 100755") for line in changes)
    assert git(miniature.upstream, "rev-list", "--merges", "--count", "main") == "1"
    assert "-\t-\tassets/logo.png" in git(
        miniature.upstream, "diff", "--numstat", miniature.fork_point, "main"
    )
    assert int(git(miniature.upstream, "rev-list", "--count", f"{miniature.fork_point}..main")) >= 30
    cabinet = git(miniature.upstream, "ls-tree", "-r", "--name-only", "main", "app/cabinet").splitlines()
    assert len(cabinet) == 31


@pytest.mark.parametrize("tag", sorted(TOUCHED))
def test_each_of_the_seeds_commits_is_there_and_touches_the_real_ones_files(
    miniature: Miniature, tag: str
) -> None:
    touched = git(miniature.upstream, "show", "--name-only", "--format=", tag).splitlines()
    assert set(touched) == TOUCHED[tag]
    git(miniature.upstream, "merge-base", "--is-ancestor", miniature.fork_point, tag)
    git(miniature.upstream, "merge-base", "--is-ancestor", tag, "main")


def test_the_fork_has_not_fetched_yet_and_gets_the_tags_by_the_seeds_command(tmp_path: Path) -> None:
    built = build_miniature(tmp_path)
    assert git(built.fork, "rev-parse", "upstream/main") == built.fork_point
    assert git(built.fork, "tag") == ""
    git(built.fork, "fetch", "--quiet", "upstream", "main")
    assert git(built.fork, "rev-parse", "upstream/main") == built.upstream_head
    assert set(git(built.fork, "tag").splitlines()) == set(TOUCHED)


def test_the_ignore_file_that_hides_everything_hides_nothing_here(miniature: Miniature) -> None:
    ignore = (miniature.upstream / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ignore[1] == "*"
    assert "pytest.ini" in git(miniature.upstream, "ls-files").splitlines()


def test_progress_tells_each_commit(tmp_path: Path) -> None:
    lines: list[str] = []
    build_miniature(tmp_path, progress=lines.append)
    assert lines[0].startswith("upstream: 1/3 ")
    assert lines[-1].startswith("fork: ")


def test_a_taken_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fork").mkdir()
    with pytest.raises(UserError, match="exists already"):
        build_miniature(tmp_path)
    assert not (tmp_path / "upstream").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("author: A\nemail: a@example.org\nmessage: m\n", "commit.yaml:1:1: date: is missing"),
        (
            "author: A\nemail: a@example.org\ndate: '2025-12-16T10:00:00'\nmessage: m\n",
            "commit.yaml:3:7: date: the date needs an offset",
        ),
        (
            "author: A\nemail: a@example.org\ndate: '2025-12-16T10:00:00+03:00'\nmessage: m\ntags: x\n",
            "commit.yaml:5",
        ),
    ],
)
def test_a_bad_recipe_names_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "001-x").mkdir()
    (tmp_path / "001-x" / "commit.yaml").write_text(text)
    with pytest.raises(PlanError) as caught:
        read_commits(tmp_path)
    assert said in str(caught.value)


def test_a_base_commit_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "a.py").write_text("")
    commit = "author: A\n  email: a@example.org\n  date: '2025-09-01T10:00:00+03:00'\n  message: m\n"
    (tmp_path / "base.yaml").write_text(f"- {commit}  paths: [nothing/*]\n- {commit}")
    with pytest.raises(UserError, match="commit 1 brings no file"):
        read_base(tmp_path)

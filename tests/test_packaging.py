"""The wheel and the sdist carry rules, plan and fixtures, and work where nothing of the checkout is near."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def call(*command: str | Path, cwd: Path, code: int = 0) -> str:
    """What a program prints; fails the test where it ends with another code."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(item) for item in command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist alone."""
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    return folder


def test_wheel_and_sdist_hold_what_is_loaded_by_path(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "phases.yaml",
        "rules/policies/remnabot.yaml",
        "fixtures/miniature/upstream/base/app/config.py",
    ):
        assert f"merge_tool/_bundled/{wanted}" in names
    assert "merge_tool/py.typed" in names
    assert not [name for name in names if name.startswith(("rules/", "tests/", "fixtures/"))]
    assert not [name for name in names if "__pycache__" in name]
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"phases.yaml", "pyproject.toml", "Makefile", "LICENSE"} <= inside


@pytest.mark.parametrize("how", ["wheel", "sdist", "editable"])
def test_installed_tool_finds_its_plan_rules_and_fixtures(built: Path, tmp_path: Path, how: str) -> None:
    """The dependencies are those of the running interpreter (a .pth file): only merge-tool itself is installed anew."""
    home = tmp_path / "env"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    outer = [path for path in sys.path if path.endswith("site-packages")]
    site = Path(
        call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    )
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    target = {"wheel": [wheel], "sdist": [sdist], "editable": ["-e", ROOT]}[how]
    call(python, "-m", "pip", "install", "--quiet", "--no-deps", *target, cwd=tmp_path)
    (site / "outer.pth").write_text("".join(f"{path}\n" for path in outer))
    where = call(python, "-c", "import merge_tool; print(merge_tool.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(ROOT if how == "editable" else home)
    tool = home / "bin" / "merge-tool"
    assert call(tool, "--version", cwd=tmp_path).startswith("merge-tool 0.")
    assert '"id": "9.4"' in call(tool, "plan", "--json", cwd=tmp_path)
    assert "TF1" in call(tool, "rule", "--all", cwd=tmp_path)
    if how != "editable":  # there the checkout is on the path, and with it a bare folder called rules
        call(python, "-c", "import rules", cwd=tmp_path, code=1)
    call(tool, "demo", tmp_path / "demo", "--phases", "3", "--json", cwd=tmp_path)


def test_uv_runs_it_from_the_sdist(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    uv = [sys.executable, "-m", "uv", "run", "--quiet", "--no-dev", "--python", sys.executable]
    assert call(*uv, "merge-tool", "--version", cwd=folder).startswith("merge-tool 0.")
    assert '"id": "9.4"' in call(*uv, "merge-tool", "plan", "--json", cwd=folder)

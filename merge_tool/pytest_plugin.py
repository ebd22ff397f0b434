"""A pytest plugin that fails a test when a statement on a tenants' table ran without the tenant. Off until it is asked for.

    pytest --tenant-guard

or, in pytest's configuration, `tenant_guard = true`. The policy is that of the project's plan or `tenancy.yaml`, or the one that
`--tenant-guard-policy` names. A statement that is meant for all tenants stands under `# GLOBAL_QUERY: reason` in the code (the
policy's marker), in `with all_tenants("reason"):`, or in a test marked `@pytest.mark.all_tenants(reason="…")`. Statements that tests
send themselves are not looked at. While it is off, nothing but these options is there: SQLAlchemy is not even imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from merge_tool.guard.watch import Leak, Watch

_SHOWN = 10
_NAME = "merge-tool-tenant-guard"


def all_tenants(reason: str) -> Any:
    """A context manager in which statements may run for all tenants; see `merge_tool.guard.watch.all_tenants`."""
    from merge_tool.guard.watch import all_tenants as allowed

    return allowed(reason)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options."""
    group = parser.getgroup("tenant guard")
    group.addoption(
        "--tenant-guard",
        action="store_true",
        default=None,
        help="Fail a test when a statement on a tenants' table ran without the tenant.",
    )
    group.addoption(
        "--tenant-guard-policy",
        metavar="FILE|NAME",
        default="",
        help="The tenancy policy; default: the project's own.",
    )
    parser.addini("tenant_guard", "Whether the tenant guard is on.", type="bool", default=False)
    parser.addini("tenant_guard_policy", "The tenancy policy of the tenant guard.", default="")
    parser.addini(
        "tenant_guard_loads",
        "Whether loading more of a row that is there already counts too.",
        type="bool",
        default=False,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Puts the guard up before a conftest imports the project's models, so that every table is seen when it is made."""
    options = early_config.known_args_namespace
    if not getattr(options, "help", False) and not getattr(options, "version", 0):
        _put_up(early_config, asked=bool(getattr(options, "tenant_guard", False)))


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker and, where the guard is asked for and not yet up, puts it up."""
    config.addinivalue_line("markers", "all_tenants(reason): statements of this test may run for all tenants")
    _put_up(config, asked=bool(config.getoption("tenant_guard")))


def _put_up(config: pytest.Config, *, asked: bool) -> None:
    if (asked or config.getini("tenant_guard")) and not config.pluginmanager.has_plugin(_NAME):
        config.pluginmanager.register(Guard(config), _NAME)


class Guard:
    """Watches every test of a session."""

    def __init__(self, config: pytest.Config) -> None:
        try:
            import sqlalchemy  # noqa: F401 the project's; without it there is nothing to watch
        except ImportError as error:
            raise pytest.UsageError("--tenant-guard needs SQLAlchemy in this environment") from error
        from merge_tool.commands.policy_choice import choose_policy
        from merge_tool.errors import MergeToolError
        from merge_tool.guard.watch import Watch

        root = config.rootpath
        given = config.known_args_namespace.tenant_guard_policy or config.getini("tenant_guard_policy")
        try:
            choice = choose_policy(root, given, None)
        except MergeToolError as error:
            raise pytest.UsageError(f"--tenant-guard: {error}") from error
        if not choice.known:
            raise pytest.UsageError(
                "--tenant-guard: no policy was named, and none fits the models here; write tenancy.yaml (merge-tool policy infer) "
                "or name one with --tenant-guard-policy"
            )
        self.origin = f"{choice.policy.name} ({choice.origin}), column {choice.policy.column}"
        self._column = choice.policy.column
        self._folders = tuple(
            f"{name.rstrip('/')}/" for name in config.getini("testpaths") if "*" not in name
        )
        self.watch: Watch = Watch(
            choice.policy, str(root), self._is_test, loads=bool(config.getini("tenant_guard_loads"))
        )
        self.watch.start()

    def _is_test(self, path: str) -> bool:
        name = Path(path).name
        return (
            name.startswith("test_")
            or name.endswith("_test.py")
            or name == "conftest.py"
            or path.startswith(("tests/", "test/", *self._folders))
        )

    def pytest_report_header(self) -> str:
        """Says that the guard is on, and with which policy."""
        return f"tenant guard: policy {self.origin}"

    def pytest_unconfigure(self) -> None:
        """Takes the listeners away."""
        self.watch.stop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Runs the test, and fails it where it passed and a statement ran for every tenant."""
        marker = item.get_closest_marker("all_tenants")
        if marker is not None:
            reason = marker.kwargs.get("reason") or (marker.args[0] if marker.args else "")
            if not str(reason).strip():
                pytest.fail(
                    "all_tenants: say why the statements of this test are meant for all tenants",
                    pytrace=False,
                )
            return (yield)
        self.watch.leaks.clear()
        self.watch.active = True
        try:
            result = yield
        finally:
            self.watch.active = False
        if self.watch.leaks:
            pytest.fail(self._told(self.watch.leaks), pytrace=False)
        return result

    def _told(self, leaks: list[Leak]) -> str:
        distinct = list(dict.fromkeys(leaks))
        number = len(distinct)
        lines = [
            f"{number} statement{'s' * (number != 1)} on tenants' tables ran without the tenant ({self._column}):"
        ]
        for leak in distinct[:_SHOWN]:
            verbs = ", ".join(f"{item.verb} {item.table}" for item in leak.tables)
            lines += [
                f"  {leak.site.path}:{leak.site.line} in {leak.site.function}: {verbs}",
                f"    {leak.sql[:300]}",
            ]
        if number > _SHOWN:
            lines.append(f"  and {number - _SHOWN} more")
        lines.append(
            '  mend: filter by the tenant, or say why not: # GLOBAL_QUERY: reason in the code, or all_tenants("reason")'
        )
        return "\n".join(lines)

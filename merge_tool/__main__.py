"""The entry point. `--version` answers before anything heavy is imported: scripts ask for it often."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits with an `ExitCode`."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from merge_tool import __version__

        sys.stdout.write(f"merge-tool {__version__}\n")
        return
    from merge_tool.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()

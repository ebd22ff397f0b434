"""The entry point. `--version` answers before anything heavy is imported: scripts ask for it often."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits with an `ExitCode`."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from merge_tool import __version__

        sys.stdout.write(f"merge-tool {__version__}\n")
        return
    linting = sys.argv[1:2] == ["validate"]
    if linting:
        import gc

        gc.disable()  # half a million facts without a cycle among them, walked again at every step
    from merge_tool.cli import run

    code = run()
    if linting:
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """Ends the process without taking its memory apart: half a million facts take longer to free than to load.

    Output is flushed and exit handlers are run. Where either fails, the ordinary way out tells of it.
    """
    import atexit
    import os

    try:
        sys.stdout.flush()
        sys.stderr.flush()
        atexit._run_exitfuncs()
    except OSError:
        return
    os._exit(code)


if __name__ == "__main__":
    main()

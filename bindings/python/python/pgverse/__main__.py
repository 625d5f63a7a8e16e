"""The command line: `python -m pgverse`."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> int:
    """Runs the command to its exit status."""
    # The command destroys its forks at Ctrl-C and then ends by itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.command(["pgverse", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())

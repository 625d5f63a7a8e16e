"""The library's log in Python's `logging`."""

from __future__ import annotations

import logging

from . import _native


def enable_logging(level: int = logging.WARNING) -> None:
    """Sends what the library logs, from this level on, to loggers below `pgverse`. Once for a process."""

    def hear(target: str, number: int, message: str) -> None:
        logging.getLogger(target.replace("::", ".").replace("pgverse_", "pgverse.", 1)).log(number, "%s", message)

    _native.forward_logs(hear, level)

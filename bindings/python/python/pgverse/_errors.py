"""Errors by kind."""

from __future__ import annotations

import json
from typing import Any


class Error(Exception):
    """An error of the library; `str()` has it all in one line."""

    kind: str = "internal"

    def __init__(
        self, text: str, message: str = "", context: dict[str, str] | None = None, hint: str | None = None
    ) -> None:
        super().__init__(text)
        self.message = message or text
        """What happened, without place and causes."""
        self.context = context or {}
        """Where it happened."""
        self.hint = hint
        """The way out, if one is known."""


class InvalidInputError(Error, ValueError):
    """The caller's input is wrong."""

    kind = "invalid_input"


class NotFoundError(Error, LookupError):
    """Something that was named does not exist."""

    kind = "not_found"


class ConnectionFailedError(Error, ConnectionError):
    """The server could not be reached, or the connection broke."""

    kind = "connection"


class AuthenticationError(Error):
    """The server refused the user or the password."""

    kind = "authentication"


class PermissionDeniedError(Error, PermissionError):
    """The role may not do what is needed."""

    kind = "permission"


class SqlError(Error):
    """The server rejected a statement."""

    kind = "sql"


class TimedOutError(Error, TimeoutError):
    """A statement, a start-up or the whole run took longer than allowed."""

    kind = "timeout"


class CancelledError(Error):
    """The run was cancelled by `Competition.cancel`."""

    kind = "cancelled"


class UnsupportedError(Error, NotImplementedError):
    """This backend, server or build cannot do what was asked."""

    kind = "unsupported"


class BusyError(Error):
    """Something else holds what is needed."""

    kind = "busy"


class DiskError(Error, OSError):
    """Not enough disk, or the file system failed."""

    kind = "disk"


class ProcessError(Error):
    """A program that was started failed."""

    kind = "process"


class AgentError(Error):
    """An agent failed or returned something that is not a proposal."""

    kind = "agent"


class InternalError(Error):
    """An invariant of the library was broken: a bug."""

    kind = "internal"


BY_KIND: dict[str, type[Error]] = {
    cls.kind: cls
    for cls in (
        InvalidInputError,
        NotFoundError,
        ConnectionFailedError,
        AuthenticationError,
        PermissionDeniedError,
        SqlError,
        TimedOutError,
        CancelledError,
        UnsupportedError,
        BusyError,
        DiskError,
        ProcessError,
        AgentError,
        InternalError,
    )
}


def from_json(text: str) -> Error:
    """The error that the native part tells as JSON."""
    try:
        told: dict[str, Any] = json.loads(text)
        cls = BY_KIND.get(told["kind"], Error)
        return cls(told["text"], told["message"], told["context"], told["hint"])
    except (ValueError, KeyError, TypeError):
        return InternalError(text)

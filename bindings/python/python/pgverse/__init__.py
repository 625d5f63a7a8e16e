"""Make a slow PostgreSQL database faster, and prove it.

The functions here wait for their result; those of `pgverse.aio` are for `await`. Both convert and never decide: what a
call does, its defaults and its errors are those of the Rust library. Results are plain dictionaries; their types are in
`pgverse.types`.
"""

from ._calls import (
    destroy,
    fork,
    forks,
    judge,
    plan,
    promote,
    promotions,
    rehearse,
    rollback,
    same,
    sweep,
    workload,
)
from ._competition import Competition, compete
from ._errors import (
    AgentError,
    AuthenticationError,
    BusyError,
    CancelledError,
    ConnectionFailedError,
    DiskError,
    Error,
    InternalError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    ProcessError,
    SqlError,
    TimedOutError,
    UnsupportedError,
)
from ._foreign import Agent, ForkBackend, Judge, Probe
from ._logging import enable_logging
from . import aio

__all__ = [
    "Agent",
    "AgentError",
    "AuthenticationError",
    "BusyError",
    "CancelledError",
    "Competition",
    "ConnectionFailedError",
    "DiskError",
    "Error",
    "ForkBackend",
    "InternalError",
    "InvalidInputError",
    "Judge",
    "NotFoundError",
    "PermissionDeniedError",
    "Probe",
    "ProcessError",
    "SqlError",
    "TimedOutError",
    "UnsupportedError",
    "aio",
    "compete",
    "destroy",
    "enable_logging",
    "fork",
    "forks",
    "judge",
    "plan",
    "promote",
    "promotions",
    "rehearse",
    "rollback",
    "same",
    "sweep",
    "workload",
]

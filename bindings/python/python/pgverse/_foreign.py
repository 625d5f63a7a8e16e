"""Agents, fork backends and judges written in Python."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import threading
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, cast

from . import _errors, _native

if TYPE_CHECKING:
    from . import types


class Probe:
    """Read-only questions to the agent's own universe, while its `propose` runs."""

    def __init__(self, native: _native.NativeProbe) -> None:
        self._native = native

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of one read-only query."""
        return cast("list[dict[str, Any]]", self._ask(lambda: self._native.query(sql)))

    def explain(self, sql: str, values: list[str | None] | None = None) -> types.Plan:
        """The plan of a statement with these parameter values; it is not run."""
        return cast("types.Plan", self._ask(lambda: self._native.explain(sql, values or [])))

    async def query_async(self, sql: str) -> list[dict[str, Any]]:
        """As `query`, for `await`."""
        return await asyncio.to_thread(self.query, sql)

    async def explain_async(self, sql: str, values: list[str | None] | None = None) -> types.Plan:
        """As `explain`, for `await`."""
        return await asyncio.to_thread(self.explain, sql, values)

    def _ask(self, question: Callable[[], str]) -> Any:
        try:
            return json.loads(question())
        except RuntimeError as error:
            raise _errors.from_json(str(error)) from None


class Agent(Protocol):
    """Reads a brief, returns candidates, best first. Reads only: the engine applies what is proposed."""

    name: str

    def propose(
        self, probe: Probe, brief: types.Brief
    ) -> list[types.Candidate] | Awaitable[list[types.Candidate]]:
        """Proposes; an empty list means that there is nothing to offer."""
        ...


class ForkBackend(Protocol):
    """Makes and unmakes forks. `prepare()` and `sweep()` may be added; `capability` may be an attribute."""

    def fork(self) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        """Makes a fork and returns its `id` and `dsn`, and `mechanism`, `bytes`, `full_bytes` where they are known."""
        ...

    def destroy(self, id: str) -> None | Awaitable[None]:
        """Destroys it; one that is gone already is fine."""
        ...


class Judge(Protocol):
    """Decides, purely. A plain function does as well."""

    name: str

    def judge(
        self, problem: types.Problem, trials: list[types.Trial], verdict: types.Verdict
    ) -> types.Verdict:
        """Returns a verdict; `verdict` is that of the library's own judge, to be returned as it is or changed."""
        ...


class Bridge:
    """What the native part calls. Methods may be plain or `async`; those run on the caller's loop, if there is one."""

    def __init__(self, target: Any, loop: Callable[[], asyncio.AbstractEventLoop | None]) -> None:
        self._target = target
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: dict[int, Callable[[], object]] = {}

    def has(self, method: str) -> bool:
        return callable(getattr(self._target, method, None))

    def invoke(
        self, ticket: int, method: str, arguments: str, probe: _native.NativeProbe | None
    ) -> tuple[bool, str]:
        try:
            values: list[Any] = json.loads(arguments)
            if probe is not None:
                values.insert(0, Probe(probe))
            value = getattr(self._target, method)(*values)
            if inspect.isawaitable(value):
                value = self._wait(ticket, value)
            return True, json.dumps(value, default=_plain)
        except BaseException:  # Whatever it is, it is the agent's, and the competition goes on.
            return False, traceback.format_exc().strip()

    def cancel(self, ticket: int) -> None:
        with self._lock:
            cancel = self._waiting.get(ticket)
        if cancel is not None:
            cancel()

    def _wait(self, ticket: int, awaitable: Awaitable[Any]) -> Any:
        loop = self._loop()
        if loop is not None and loop.is_running():
            future: Future[Any] = asyncio.run_coroutine_threadsafe(_coroutine(awaitable), loop)
            return self._until(ticket, future.cancel, future.result)
        return asyncio.run(self._alone(ticket, awaitable))

    async def _alone(self, ticket: int, awaitable: Awaitable[Any]) -> Any:
        own, task = asyncio.get_running_loop(), asyncio.ensure_future(_coroutine(awaitable))

        def cancel() -> None:
            own.call_soon_threadsafe(task.cancel)

        with self._lock:
            self._waiting[ticket] = cancel
        try:
            return await task
        finally:
            with self._lock:
                self._waiting.pop(ticket, None)

    def _until(self, ticket: int, cancel: Callable[[], object], result: Callable[[], Any]) -> Any:
        with self._lock:
            self._waiting[ticket] = cancel
        try:
            return result()
        finally:
            with self._lock:
                self._waiting.pop(ticket, None)


async def _coroutine(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _plain(value: Any) -> Any:
    """What `json` does not know: dataclasses, pydantic models, sets and paths."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


class _Function:
    """A plain function in the place of an object with one method."""

    def __init__(self, method: str, function: Callable[..., Any]) -> None:
        setattr(self, method, function)


def named(target: Any, method: str) -> tuple[str, Any]:
    """The name of an agent or a judge, and an object that has the method."""
    if callable(target) and not callable(getattr(target, method, None)):
        return str(getattr(target, "name", getattr(target, "__name__", "custom"))), _Function(method, target)
    return str(getattr(target, "name", type(target).__name__.lower())), target


__all__ = ["Agent", "Bridge", "ForkBackend", "Judge", "Probe", "named"]

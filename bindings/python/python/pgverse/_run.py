"""Calls that run on the library's threads, waited for or awaited, and the end of the process."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
from collections.abc import Callable
from typing import Any

from . import _errors, _native

Start = Callable[[Callable[[], None] | None], _native.NativeCall]

_live: set[_native.NativeCall] = set()


def _started(start: Start, done: Callable[[], None] | None) -> _native.NativeCall:
    try:
        call = start(done)
    except RuntimeError as error:
        raise _errors.from_json(str(error)) from None
    _live.add(call)
    return call


def _result(outcome: tuple[bool, str]) -> Any:
    succeeded, text = outcome
    if succeeded:
        return json.loads(text)
    raise _errors.from_json(text)


def wait(start: Start) -> Any:
    """Runs a call to its end. Ctrl-C cancels it; what it made is cleaned up before KeyboardInterrupt is raised."""
    call = _started(start, None)
    try:
        return _result(call.wait())
    finally:
        _live.discard(call)


async def awaited(start: Start) -> Any:
    """Runs a call to its end. If the task is cancelled, so is the call; what it made is cleaned up first."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not ended.done():
            ended.set_result(None)

    def tell() -> None:
        try:
            loop.call_soon_threadsafe(end)
        except RuntimeError:
            pass  # The loop is closed: nobody waits any more.

    call = _started(start, tell)
    try:
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            call.cancel()
            while not ended.done():
                try:
                    await asyncio.shield(ended)
                except asyncio.CancelledError:
                    continue
            raise
        outcome = call.outcome()
        assert outcome is not None
        return _result(outcome)
    finally:
        if ended.done():
            _live.discard(call)


def named(name: str, request: Any) -> Start:
    """The start of the call of this name."""
    text = json.dumps(request)
    return lambda done: _native.call(name, text, done)


@atexit.register
def _end() -> None:
    for call in list(_live):
        call.cancel()
    for call in list(_live):
        call.forget()
        call.wait()
    _native.shut_down()


def _forked() -> None:
    _live.clear()
    _native.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

"""Nothing is left, however a run ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import Any

import pgverse
import pytest
from conftest import SMALL

OPTIONS: dict[str, Any] = {**SMALL, "agents": ["index"]}


async def forked(competition: pgverse.Competition) -> None:
    """Waits until there is a fork."""
    async for event in competition.events():
        if event["type"] == "universe_spawned":
            return
    raise AssertionError("the run ended without a fork")


async def test_cancelling_the_task_destroys_the_forks_first() -> None:
    competition = pgverse.Competition(**OPTIONS)
    run = asyncio.create_task(competition.run_async())
    await forked(competition)
    assert pgverse.forks()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert pgverse.forks() == []


async def test_a_time_limit_of_asyncio_destroys_the_forks_first() -> None:
    competition = pgverse.Competition(**OPTIONS)
    run = asyncio.ensure_future(asyncio.wait_for(competition.run_async(), 0.5))
    with pytest.raises(asyncio.TimeoutError):
        await run
    assert pgverse.forks() == []


async def test_cancel_of_the_competition() -> None:
    competition = pgverse.Competition(**OPTIONS)
    run = asyncio.ensure_future(competition.run_async())
    await forked(competition)
    competition.cancel()
    with pytest.raises(pgverse.CancelledError):
        await run


# A test run in the background has SIGINT ignored, and its children inherit that.
SCRIPT = """
import pgverse, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
competition = pgverse.Competition(agents=["index"], demo_scale=0.05)
def hear(event):
    if event and '"universe_spawned"' in event:
        print("forked", flush=True)
competition._native.watch(hear)
{}
"""


def start(end: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(end)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "forked"
    return process


def test_ctrl_c_destroys_the_forks_before_it_is_raised() -> None:
    process = start("competition.run()")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert said.strip().endswith("KeyboardInterrupt"), said
    assert pgverse.forks() == []


def test_a_program_that_ends_with_a_run_under_way_ends_it_in_order() -> None:
    end = "import asyncio\nasync def main():\n    asyncio.ensure_future(competition.run_async())\n    async for e in competition.events():\n        if e['type'] == 'universe_spawned': break\n    import os, sys\n    sys.exit(3)\nasyncio.run(main())"
    process = start(end)
    _, said = process.communicate()
    assert process.returncode == 3, said
    assert pgverse.forks() == []


def test_a_forked_child_has_threads_of_its_own() -> None:
    assert len(pgverse.workload()["statements"]) == 13
    child = os.fork()
    if child == 0:
        ok = len(pgverse.workload()["statements"]) == 13
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0

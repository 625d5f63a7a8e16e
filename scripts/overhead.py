"""What the Python package adds: its wall time beside that of the library in the same run, and events through it."""

from __future__ import annotations

import asyncio
import time

import pgverse

OPTIONS = {"min_rounds": 6, "max_rounds": 30, "measuring_seconds": 10.0, "falsification_databases": 20}
EVENTS = 10_000


async def main() -> None:
    competition = pgverse.Competition(agents=["index"], demo_scale=0.05, options=OPTIONS)

    async def watch() -> int:
        return sum([1 async for _ in competition.events()])

    begin = time.perf_counter()
    watching = asyncio.create_task(watch())
    report = await competition.run_async()
    wall = time.perf_counter() - begin
    await watching
    own = report["timing"]["total_seconds"]
    print(f"Python: {wall:.3f} s for a competition that took the library {own:.3f} s: {100 * (wall / own - 1):.2f} % more")
    begin, seen = time.perf_counter(), 0
    while seen < EVENTS:
        seen += await watch()
    took = time.perf_counter() - begin
    print(f"Python: {seen} events in {took:.2f} s, {1e6 * took / seen:.0f} microseconds each")


asyncio.run(main())

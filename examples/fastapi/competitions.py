"""The competitions of this process: started, watched, cancelled, promoted. Nothing here knows of HTTP."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pgverse
from pgverse import types

State = Literal["running", "finished", "cancelled", "failed"]


@dataclass
class Entry:
    """One competition."""

    competition: pgverse.Competition
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = "running"
    report: types.Report | None = None
    plan: types.PromotionPlan | None = None
    error: pgverse.Error | None = None
    run: asyncio.Task[None] | None = None

    async def finish(self) -> None:
        """Runs to the verdict, and keeps how it ended."""
        try:
            self.report = await self.competition.run_async()
            if self.report["verdict"].get("winner"):
                self.plan = pgverse.plan(self.report)
            self.state = "finished"
        except pgverse.CancelledError as error:
            self.state, self.error = "cancelled", error
        except pgverse.Error as error:
            self.state, self.error = "failed", error

    async def cancel(self) -> None:
        """Returns when every fork is destroyed."""
        if self.state == "running":
            self.competition.cancel()
        if self.run is not None:
            await self.run


class Competitions:
    """At most `running` at once; of those that ended, the last `kept` are remembered."""

    def __init__(self, running: int, kept: int = 100) -> None:
        self.most, self.kept = running, kept
        self.entries: dict[str, Entry] = {}

    def start(self, make: Callable[[], pgverse.Competition]) -> Entry:
        """Starts a competition; `BusyError` if there are too many."""
        if sum(entry.state == "running" for entry in self.entries.values()) >= self.most:
            raise pgverse.BusyError(f"{self.most} competitions are running already", hint="try again later")
        entry = Entry(make())
        entry.run = asyncio.create_task(entry.finish())
        self.entries[entry.id] = entry
        ended = [id for id, entry in self.entries.items() if entry.state != "running"]
        for id in ended[: -self.kept]:
            del self.entries[id]
        return entry

    def get(self, id: str) -> Entry:
        """`NotFoundError` for an unknown id."""
        if id not in self.entries:
            raise pgverse.NotFoundError("there is no such competition", context={"id": id})
        return self.entries[id]

    async def close(self) -> None:
        """Cancels whatever runs; no fork is left."""
        await asyncio.gather(*(entry.cancel() for entry in self.entries.values()))

    async def promote(self, id: str, source: str | None, **options: Any) -> types.Promoted:
        """Carries out the approved plan of a winner."""
        entry = self.get(id)
        if entry.report is None or entry.plan is None:
            raise pgverse.BusyError("there is no winner to promote", context={"id": id, "state": entry.state})
        if source is None:
            raise pgverse.InvalidInputError("the demo shop has no production", hint="set PGVERSE_SOURCE")
        return await pgverse.aio.promote(entry.report, source=source, **options)

"""The competition as an HTTP service. Run it: uvicorn app:app

PGVERSE_SOURCE is the database, as libpq takes it; without it, the demo shop. Clients never send credentials.
PGVERSE_MAX_RUNNING is how many competitions may run at once (1: they measure on the same machine).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pgverse
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict

from competitions import Competitions, Entry, State

SOURCE = os.environ.get("PGVERSE_SOURCE")
STATUS = {
    "invalid_input": 422,
    "not_found": 404,
    "permission": 403,
    "busy": 409,
    "cancelled": 409,
    "unsupported": 501,
    "connection": 502,
    "authentication": 502,
    "timeout": 504,
}


class Optimize(BaseModel):
    """What may be asked for; the rest is left to the library."""

    model_config = ConfigDict(extra="forbid")
    sql: str | None = None
    description: str | None = None
    agents: list[str] | None = None
    options: dict[str, Any] | None = None
    deadline_seconds: float | None = None
    seed: int | None = None
    demo_scale: float | None = None


class Told(BaseModel):
    """An error."""

    kind: str
    message: str
    context: dict[str, str]
    hint: str | None


class Competition(BaseModel):
    """How a competition stands; the report has everything behind the verdict."""

    id: str
    state: State
    winner: str | None = None
    reason: str | None = None
    plan: dict[str, Any] | None = None
    report: dict[str, Any] | None = None
    error: Told | None = None


class Promote(BaseModel):
    """The approval is the hash of the plan that was read."""

    model_config = ConfigDict(extra="forbid")
    approve: str
    watch_seconds: float | None = None
    auto_rollback: bool | None = None


class Promoted(BaseModel):
    """What became of a promotion; the rest is as `pgverse.types.Promoted` has it."""

    model_config = ConfigDict(extra="allow")
    id: int
    state: str


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    competitions = Competitions(int(os.environ.get("PGVERSE_MAX_RUNNING", "1")))
    yield {"competitions": competitions}
    await competitions.close()


app = FastAPI(title="pgverse", lifespan=lifespan)


def of_this_app(request: Request) -> Competitions:
    found: Competitions = request.state.competitions
    return found


All = Annotated[Competitions, Depends(of_this_app)]


def told(error: pgverse.Error) -> Told:
    return Told(kind=error.kind, message=error.message, context=error.context, hint=error.hint)


def shown(entry: Entry) -> Competition:
    verdict = entry.report["verdict"] if entry.report else None
    return Competition(
        id=entry.id,
        state=entry.state,
        winner=verdict.get("winner") if verdict else None,
        reason=verdict["reason"] if verdict else None,
        plan=dict(entry.plan) if entry.plan else None,
        report=dict(entry.report) if entry.report else None,
        error=told(entry.error) if entry.error else None,
    )


@app.exception_handler(pgverse.Error)
async def failed(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, pgverse.Error)
    headers = {"Retry-After": "30"} if error.kind == "busy" else None
    return JSONResponse(told(error).model_dump(), STATUS.get(error.kind, 500), headers)


@app.exception_handler(RequestValidationError)
async def unfit(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    answer = Told(kind="invalid_input", message=first["msg"], context={"field": place}, hint=None)
    return JSONResponse(answer.model_dump(), 422)


@app.post("/api/optimize", status_code=202)
async def optimize(asked: Optimize, competitions: All, response: Response) -> Competition:
    """Starts a competition; it goes on by itself."""
    given: dict[str, Any] = asked.model_dump(exclude_none=True)
    problem = given.pop("description", None)
    entry = competitions.start(lambda: pgverse.Competition(source=SOURCE, problem=problem, **given))
    response.headers["Location"] = f"/api/optimize/{entry.id}"
    return shown(entry)


@app.get("/api/optimize")
async def every(competitions: All) -> list[Competition]:
    """Every competition that is remembered, without reports."""
    return [shown(entry).model_copy(update={"report": None}) for entry in competitions.entries.values()]


@app.get("/api/optimize/{id}")
async def one(id: str, competitions: All) -> Competition:
    """How a competition stands."""
    return shown(competitions.get(id))


@app.delete("/api/optimize/{id}")
async def cancel(id: str, competitions: All) -> Competition:
    """Cancels a competition; answers when every fork is destroyed."""
    entry = competitions.get(id)
    await entry.cancel()
    return shown(entry)


def watched(id: str, competitions: All) -> Entry:
    # A dependency, so that an unknown id is answered before the stream begins.
    return competitions.get(id)


@app.get("/api/optimize/{id}/events", response_class=EventSourceResponse)
async def events(
    entry: Annotated[Entry, Depends(watched)], cancel_on_disconnect: bool = False
) -> AsyncIterator[ServerSentEvent]:
    """All events from the first one on. Whoever asks for it takes the competition along when it leaves."""
    number = 0
    try:
        async for event in entry.competition.events():
            number += 1
            yield ServerSentEvent(data=event, event=event["type"], id=str(number))
        if entry.run is not None:
            await entry.run
        yield ServerSentEvent(data={"state": entry.state}, event="end", id=str(number + 1))
    finally:
        if cancel_on_disconnect and entry.state == "running":
            entry.competition.cancel()


@app.post("/api/optimize/{id}/promote")
async def promote(id: str, approval: Promote, competitions: All) -> Promoted:
    """Carries out the plan of the winner on the database; `approve` is the hash of the plan."""
    done = await competitions.promote(id, SOURCE, **approval.model_dump(exclude_none=True))
    return Promoted.model_validate(done)

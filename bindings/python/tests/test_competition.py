"""Competitions from Python: verdicts, events, own agents, judges and backends."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pgverse
import pytest
from conftest import SMALL

INDEX: dict[str, Any] = {
    "title": "index on the user of an order",
    "change": {
        "operations": [
            {"type": "create_index", "schema": "public", "table": "orders", "name": "orders_by_user",
             "keys": [{"column": "user_id"}]}
        ]
    },
}
LOOKUP = "-- name: orders_of_user\n-- weight: 100\nSELECT count(*), sum(total) FROM orders WHERE user_id = 42;"


class Sync:
    name = "by_hand"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def propose(self, probe: pgverse.Probe, brief: Any) -> list[Any]:
        self.asked = probe.query("SELECT count(*) AS n FROM orders")
        plan = probe.explain(brief["workload"]["statements"][0]["sql"])
        assert plan
        return [INDEX]


def test_an_agent_in_python_wins() -> None:
    agent = Sync()
    report = pgverse.compete(sql=LOOKUP, agents=[agent], **SMALL)
    assert report["verdict"]["winner"] == "by_hand-1", report["verdict"]["reason"]
    assert agent.asked[0]["n"] > 1000
    plan = pgverse.plan(report)
    assert "CONCURRENTLY" in plan["steps"][0]["up"][0]
    assert pgverse.judge(report)["verdict"]["winner"] == "by_hand-1"


async def test_an_async_agent_wins_and_events_tell_it() -> None:
    async def propose(probe: pgverse.Probe, brief: Any) -> list[Any]:
        await asyncio.sleep(0)
        assert (await probe.query_async("SELECT 1 AS one"))[0]["one"] == 1
        return [INDEX]

    competition = pgverse.Competition(sql=LOOKUP, agents=[propose], **SMALL)
    run = asyncio.ensure_future(competition.run_async())
    seen = [event["type"] async for event in competition.events()]
    report = await run
    assert report["verdict"]["winner"] == "propose-1", report["verdict"]["reason"]
    assert seen[0] == "started" and seen[-1] == "finished" and "crowned" in seen
    again = [event["type"] async for event in competition.events()]
    assert again == seen


def test_agents_that_misbehave_are_named_and_harm_nobody() -> None:
    def raises(probe: Any, brief: Any) -> list[Any]:
        raise ValueError("no idea")

    async def hangs(probe: Any, brief: Any) -> list[Any]:
        await asyncio.sleep(3600)
        return []

    def nonsense(probe: Any, brief: Any) -> Any:
        return [{"titel": "x"}]

    options = {**SMALL["options"], "agent_timeout_seconds": 5.0}
    report = pgverse.compete(
        sql=LOOKUP, agents=[raises, hangs, nonsense, Sync()], **{**SMALL, "options": options}
    )
    assert report["verdict"]["winner"] == "by_hand-1", report["verdict"]["reason"]
    errors = {u["agent"]: u["error"] or "" for u in report["universes"]}
    assert "ValueError: no idea" in errors["raises"] and "test_competition.py" in errors["raises"]
    assert "in time" in errors["hangs"]
    assert "titel" in errors["nonsense"]
    assert not errors["by_hand"]


def test_a_judge_of_ones_own_decides() -> None:
    def nobody(problem: Any, trials: Any, verdict: Any) -> Any:
        return {**verdict, "winner": None, "ratio": None, "reason": f"{len(trials)} were not good enough"}

    report = pgverse.compete(sql=LOOKUP, agents=[Sync()], judge=nobody, **SMALL)
    assert report["verdict"]["winner"] is None
    assert report["verdict"]["judge"] == "nobody"
    assert report["verdict"]["reason"] == "1 were not good enough"
    with pytest.raises(pgverse.InvalidInputError, match="another program"):
        pgverse.judge(report)


def test_a_judge_that_fails_is_told() -> None:
    def broken(problem: Any, trials: Any, verdict: Any) -> Any:
        return {"winner": 7}

    with pytest.raises(pgverse.AgentError, match="judge"):
        pgverse.compete(sql=LOOKUP, agents=[Sync()], judge=broken, **SMALL)


def test_universes_run_elsewhere_and_are_judged_here() -> None:
    options: dict[str, Any] = {"sql": LOOKUP, "agents": ["index", Sync()], **SMALL}
    competition = pgverse.Competition(**options)
    # As a worker on another machine does it: nothing but JSON goes there and comes back.
    outcomes = [
        json.loads(json.dumps(pgverse.Competition(**options).run_universe(json.loads(json.dumps(task)))))
        for task in competition.tasks()
    ]
    with pytest.raises(pgverse.InvalidInputError, match="no outcome"):
        pgverse.Competition(**options).conclude(outcomes[:1])
    report = competition.conclude(outcomes)
    here = pgverse.compete(**options)
    assert report["verdict"]["winner"] and here["verdict"]["winner"]
    for ran in (report, here):
        candidates = [c for u in ran["universes"] for c in u["candidates"]]
        crowned = next(c for c in candidates if c["id"] == ran["verdict"]["winner"])
        operation: Any = crowned["change"][0]["operation"]
        assert operation["keys"][0]["column"] == "user_id", crowned
    assert {u["agent"] for u in report["universes"]} == {"index", "by_hand"}
    assert pgverse.judge(report)["verdict"]["winner"] == report["verdict"]["winner"]


class Backend:
    """Forks of the demo shop, by way of the library's own functions."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.destroyed: list[str] = []

    async def fork(self) -> dict[str, Any]:
        made = await pgverse.aio.fork(demo_scale=0.05)
        self.made.append(made["id"])
        return {"id": made["id"], "dsn": made["dsn"], "mechanism": "borrowed"}

    def destroy(self, id: str) -> None:
        self.destroyed.append(id)
        try:
            pgverse.destroy(id)
        except pgverse.NotFoundError:
            pass


async def test_a_fork_backend_of_ones_own() -> None:
    backend = Backend()
    options = {k: v for k, v in SMALL.items() if k != "demo_scale"}
    report = await pgverse.aio.compete(sql=LOOKUP, agents=[Sync()], backend=backend, **options)
    assert report["verdict"]["winner"] == "by_hand-1", report["verdict"]["reason"]
    assert report["universes"][0]["fork"]["mechanism"] == "borrowed"
    assert backend.made and set(backend.made) == set(backend.destroyed)

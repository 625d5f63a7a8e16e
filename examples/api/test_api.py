"""One test of the HTTP service for both of its examples, FastAPI and Express, over real connections.

The servers run in processes of their own and in a home of their own, in which nothing may be left.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent
LOOKUP = "-- name: orders_of_user\n-- weight: 100\nSELECT count(*), sum(total) FROM orders WHERE user_id = 42;"
OPTIONS = {"min_rounds": 6, "max_rounds": 30, "measuring_seconds": 12.0, "falsification_databases": 20}
SMALL: dict[str, Any] = {"sql": LOOKUP, "agents": ["index"], "options": OPTIONS}
DEMO: dict[str, Any] = {**SMALL, "demo_scale": 0.05}
# Runs until it is cancelled.
ENDLESS: dict[str, Any] = {
    **DEMO, "options": {**OPTIONS, "min_rounds": 100_000, "max_rounds": 100_000, "measuring_seconds": 3600.0},
}


class Server:
    """A server in a process of its own."""

    def __init__(self, name: str, home: Path, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        if name == "fastapi":
            command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(self.port)]
        else:
            command = ["node", "dist/server.js"]
        self.home = home
        self.process = subprocess.Popen(
            command,
            cwd=EXAMPLES / name,
            env={**os.environ, "PORT": str(self.port), "PGVERSE_HOME": str(home), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if "listening on" in line or "Uvicorn running" in line:
                break
        else:
            raise AssertionError(f"{name} ended with {self.process.wait()}: {said}")

    def stop(self, left: Iterable[Path] = ()) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=60)
        assert self.forks() == [*left], said

    def forks(self) -> list[Path]:
        return [*(self.home / "forks").glob("*")]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        response = connection.getresponse()
        answer = json.loads(response.read() or b"null")
        connection.close()
        return response.status, answer, response.headers

    def start(self, body: Any) -> str:
        status, answer, headers = self.ask("POST", "/api/optimize", body)
        assert (status, answer["state"]) == (202, "running"), answer
        assert headers["Location"] == f"/api/optimize/{answer['id']}"
        return str(answer["id"])

    def events(self, id: str, query: str = "") -> Iterator[tuple[str, int, Any]]:
        """Event, number and data; closing the iterator closes the connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request("GET", f"/api/optimize/{id}/events{query}")
            response = connection.getresponse()
            assert response.status == 200
            assert response.headers["Content-Type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            for raw in response:
                line = raw.decode().rstrip("\r\n")
                if line and not line.startswith(":"):
                    key, _, value = line.partition(":")
                    fields[key] = value.removeprefix(" ")
                elif fields:
                    yield fields["event"], int(fields["id"]), json.loads(fields["data"])
                    fields = {}
        finally:
            connection.close()

    def until(self, id: str, wanted: str, query: str = "") -> None:
        """Reads events up to one, and hangs up."""
        stream = self.events(id, query)
        assert any(event == wanted for event, _, _ in stream)
        stream.close()  # type: ignore[attr-defined]

    def ended(self, id: str) -> Any:
        """How a competition ended."""
        for _ in self.events(id):
            pass
        return self.ask("GET", f"/api/optimize/{id}")[1]


@pytest.fixture(params=["fastapi", "express"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pgverse-api-") as folder:
        # Servers of PostgreSQL run as another user when the tests run as root, and must get in.
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def server(name: str, home: Path) -> Iterator[Server]:
    started = Server(name, home)
    yield started
    started.stop()


def test_a_competition_is_started_watched_and_read(server: Server) -> None:
    id = server.start(DEMO)
    seen = [*server.events(id)]
    events = [event for event, _, _ in seen]
    assert events[0] == "started" and events[-2:] == ["finished", "end"] and "crowned" in events
    assert [number for _, number, _ in seen] == [*range(1, len(seen) + 1)]
    assert seen[-1][2] == {"state": "finished"}
    assert all(data["type"] == event for event, _, data in seen[:-1])
    assert [*server.events(id)] == seen
    status, told, _ = server.ask("GET", f"/api/optimize/{id}")
    assert (status, told["state"]) == (200, "finished")
    assert told["winner"] == told["report"]["verdict"]["winner"] and told["winner"].startswith("index-")
    assert told["reason"].startswith(told["winner"])
    assert "CONCURRENTLY" in told["plan"]["steps"][0]["up"][0] and told["plan"]["hash"]
    assert server.ask("GET", "/api/optimize")[1] == [{**told, "report": None}]
    # The demo shop has no production.
    status, answer, _ = server.ask("POST", f"/api/optimize/{id}/promote", {"approve": told["plan"]["hash"]})
    assert (status, answer["kind"]) == (422, "invalid_input")


def test_what_is_wrong_is_told(server: Server) -> None:
    for method, path, body, status, kind in [
        ("GET", "/api/optimize/none", None, 404, "not_found"),
        ("GET", "/api/optimize/none/events", None, 404, "not_found"),
        ("DELETE", "/api/optimize/none", None, 404, "not_found"),
        ("POST", "/api/optimize/none/promote", {"approve": "x"}, 404, "not_found"),
        ("POST", "/api/optimize", {"source": "postgres://elsewhere"}, 422, "invalid_input"),
        ("POST", "/api/optimize", {"sql": "SELEC 1"}, 422, "invalid_input"),
        ("POST", "/api/optimize", {"options": {"max_round": 1}}, 422, "invalid_input"),
        ("POST", "/api/optimize", {"agents": ["nobody"]}, 404, "not_found"),
        ("POST", "/api/optimize", "{", 422, "invalid_input"),
    ]:
        found, answer, _ = server.ask(method, path, body)
        assert (found, answer.get("kind")) == (status, kind), (method, path, body, answer)
        assert set(answer) == {"kind", "message", "context", "hint"}
    assert server.ask("GET", "/api/optimize")[1] == []


def test_only_so_many_run_at_once_and_one_can_be_cancelled(server: Server) -> None:
    with ThreadPoolExecutor(20) as clients:
        answers = [*clients.map(lambda _: server.ask("POST", "/api/optimize", ENDLESS), range(20))]
    assert sorted(status for status, _, _ in answers) == [202] + 19 * [409]
    assert all(headers["Retry-After"] for status, _, headers in answers if status == 409)
    id = next(answer["id"] for status, answer, _ in answers if status == 202)
    server.until(id, "universe_spawned")
    status, told, _ = server.ask("DELETE", f"/api/optimize/{id}")
    assert (status, told["state"], told["error"]["kind"]) == (200, "cancelled", "cancelled")
    assert server.forks() == []


def test_twenty_clients_see_the_same(server: Server) -> None:
    id = server.start(DEMO)
    with ThreadPoolExecutor(20) as clients:
        seen = [*clients.map(lambda _: [*server.events(id)], range(20))]
    assert all(events == seen[0] for events in seen)
    assert server.ended(id)["winner"]


def test_a_client_that_leaves_takes_its_competition_along_if_it_said_so(server: Server) -> None:
    id = server.start(ENDLESS)
    server.until(id, "universe_spawned")
    assert server.ask("GET", f"/api/optimize/{id}")[1]["state"] == "running"
    server.until(id, "universe_spawned", "?cancel_on_disconnect=true")
    assert server.ended(id)["state"] == "cancelled"
    assert server.forks() == []


def test_a_server_that_ends_leaves_nothing(name: str, home: Path) -> None:
    server = Server(name, home)
    server.until(server.start(ENDLESS), "universe_spawned")
    assert server.forks()
    server.stop()


CALL = "import json, pgverse, sys; print(json.dumps(getattr(pgverse, sys.argv[1])(**json.loads(sys.argv[2]))))"


@pytest.fixture
def shop(home: Path) -> Iterator[str]:
    """A database to be made faster: connection string of a fork of the demo shop."""

    def pgverse(function: str, **arguments: Any) -> Any:
        command = [sys.executable, "-c", CALL, function, json.dumps(arguments)]
        own = {**os.environ, "PGVERSE_HOME": str(home)}
        return json.loads(subprocess.run(command, env=own, check=True, stdout=subprocess.PIPE).stdout)

    fork = pgverse("fork", demo_scale=0.05)
    yield fork["dsn"]
    pgverse("destroy", id=fork["id"])


def test_a_winner_is_promoted_by_its_hash(name: str, home: Path, shop: str) -> None:
    server = Server(name, home, PGVERSE_SOURCE=shop)
    own = server.forks()
    id = server.start(SMALL)
    told = server.ended(id)
    assert told["winner"], told
    promote = f"/api/optimize/{id}/promote"
    status, answer, _ = server.ask("POST", promote, {"approve": "another"})
    assert (status, answer["kind"]) == (422, "invalid_input"), answer
    status, answer, _ = server.ask("POST", promote, {"approve": told["plan"]["hash"]})
    assert (status, answer["state"]) == (200, "promoted"), answer
    server.stop(own)

"""The Mage project runs without a browser: by `mage run`, and by the scheduler with a block run for each universe."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pgverse
import pytest

PROJECT = Path(__file__).resolve().parent.parent / "mage"
MAGE = Path(sys.executable).parent / "mage"
LOOKUP = "-- name: orders_of_user\n-- weight: 100\nSELECT count(*), sum(total) FROM orders WHERE user_id = 42;"
OPTIONS = {"min_rounds": 6, "max_rounds": 30, "measuring_seconds": 12.0, "falsification_databases": 20}
VARIABLES: dict[str, Any] = {"sql": LOOKUP, "agents": ["index", "query"], "options": OPTIONS}


class Project:
    """A copy of the project, and what its pipelines left in Mage's data folder."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home, self.data = folder / "project", home, folder / "data"
        shutil.copytree(PROJECT, self.folder)
        self.environment = {
            **os.environ,
            "MAGE_DATA_DIR": str(self.data),
            "REQUIRE_USER_AUTHENTICATION": "False",
            "SCHEDULER_TRIGGER_INTERVAL": "2",
        }

    def run(
        self, pipeline: str, variables: dict[str, Any], block: str | None = None, **environment: str
    ) -> str:
        command = [str(MAGE), "run", str(self.folder), pipeline, "--runtime-vars", json.dumps(variables)]
        command += ["--block-uuid", block] if block else []
        environment = {**self.environment, **environment}
        ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def migrate(self) -> None:
        """Makes the tables of Mage, which its scheduler would make while the server already answers and takes runs."""
        code = (
            "import sys; from mage_ai.settings.repo import set_repo_path; set_repo_path(sys.argv[1]);"
            "from mage_ai.orchestration.db.database_manager import database_manager; database_manager.run_migrations()"
        )
        subprocess.run([sys.executable, "-c", code, str(self.folder)], env=self.environment, check=True)

    def left_nothing(self) -> bool:
        return pgverse.forks() == [] and [*(self.home / "forks").glob("*")] == []


@pytest.fixture
def project(tmp_path: Path, home: Path) -> Project:
    return Project(tmp_path, home)


def test_mage_run_comes_to_a_verdict_and_waits_for_approval(project: Project) -> None:
    said = project.run("pgverse_competition", {**VARIABLES, "demo_scale": 0.05})
    assert "index-1" in said, said
    assert "waits for approval" in said, said
    assert project.left_nothing()


@pytest.fixture
def shop() -> Iterator[dict[str, str]]:
    """A database to be made faster, as the variables that io_config.yaml reads."""
    fork = pgverse.fork(demo_scale=0.05)
    yield dict(zip(("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"), parts(fork["dsn"]), strict=True))
    pgverse.destroy(id=fork["id"])


def parts(dsn: str) -> list[str]:
    given = dict(part.split("=", 1) for part in dsn.split())
    return [given[key] for key in ("host", "port", "user", "dbname")]


def test_what_was_approved_is_promoted_with_the_credentials_of_the_project(
    project: Project, shop: dict[str, str]
) -> None:
    said = project.run("pgverse_competition", VARIABLES, **shop)
    approve = said.split("approve=", 1)[1].split()[0]
    # The block alone, with the report that it was given: another competition would be another plan.
    said = project.run("pgverse_competition", {**VARIABLES, "approve": approve}, block="promote", **shop)
    assert "is promoted" in said, said


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_the_scheduler_runs_a_block_for_each_universe(project: Project) -> None:
    project.migrate()
    port = free_port()
    command = [str(MAGE), "start", str(project.folder), "--host", "127.0.0.1", "--port", str(port)]
    with (project.folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, env=project.environment, stdout=log, stderr=log, start_new_session=True
        )

    def ask(method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/{path}",
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            told = json.load(response)
        assert "error" not in told, told
        return told

    try:
        until(lambda: ask("GET", "status"))
        pipeline = "pgverse_universes"
        schedule = ask(
            "POST",
            f"pipelines/{pipeline}/pipeline_schedules",
            {"pipeline_schedule": {"name": "api", "schedule_type": "api", "status": "active"}},
        )["pipeline_schedule"]
        run = ask(
            "POST",
            f"pipeline_schedules/{schedule['id']}/pipeline_runs/{schedule['token']}",
            {"pipeline_run": {"variables": {**VARIABLES, "demo_scale": 0.05}}},
        )["pipeline_run"]

        now: dict[str, Any] = {}

        def ended() -> Any:
            now.update(ask("GET", f"pipeline_runs/{run['id']}")["pipeline_run"])
            return now if now["status"] in ("completed", "failed", "cancelled") else None

        told = until(ended, 600, lambda: (now, (project.folder / "server.log").read_text()))
        blocks = {block["block_uuid"]: block["status"] for block in told["block_runs"]}
        log = (project.folder / "server.log").read_text()
        assert told["status"] == "completed", (blocks, log)
        assert {"run_universe:index", "run_universe:query"} <= blocks.keys(), blocks
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    assert project.left_nothing()


def until(look: Any, seconds: float = 120, otherwise: Any = lambda: "no answer") -> Any:
    """What `look` returns as soon as it is something; a server that does not answer yet is waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if (found := look()) is not None:
                return found
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"nothing in time: {otherwise()}")

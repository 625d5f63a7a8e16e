"""Universes as Ray tasks give the verdict of a run on one machine. Ray listens on every interface, whatever it is told: this
runs in a network of its own (scripts/pipelines.sh)."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pgverse
import pytest

LOOKUP = "-- name: orders_of_user\n-- weight: 100\nSELECT count(*), sum(total) FROM orders WHERE user_id = 42;"
SMALL: dict[str, Any] = {
    "sql": LOOKUP,
    "agents": ["index", "query"],
    "demo_scale": 0.05,
    "options": {"min_rounds": 6, "max_rounds": 30, "measuring_seconds": 12.0, "falsification_databases": 20},
}
SET_FLAGS, UP_AND_RUNNING = 0x8914, 0x41


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    names = [name for _, name in socket.if_nameindex()]
    assert names == ["lo"], f"not a network of its own: {names}; run scripts/pipelines.sh"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SET_FLAGS, struct.pack("16sh14x", b"lo", UP_AND_RUNNING))
    # Nobody else is on this network, and no token is to be left in the user's home.
    os.environ["RAY_AUTH_MODE"] = "disabled"
    import ray

    ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1")
    yield ray
    ray.shutdown()


def test_the_verdict_is_the_one_of_a_run_on_one_machine(cluster: Any, home: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ray"))
    import compete

    competition = pgverse.Competition(**SMALL)
    outcomes = cluster.get([compete.universe.remote(SMALL, task) for task in competition.tasks()])
    # Who made a fork: host, process and when it began.
    makers = {outcome["universe"]["owner"] for outcome in outcomes}
    assert len(makers) == 2 and not any(str(os.getpid()) in maker for maker in makers), makers
    far = competition.conclude(outcomes)
    near = pgverse.compete(**SMALL)
    assert far["verdict"]["winner"] == near["verdict"]["winner"] == "index-1", far["verdict"]["reason"]
    assert pgverse.forks() == []
    assert [*(home / "forks").glob("*")] == []

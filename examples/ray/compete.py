"""A competition whose universes run as tasks of a Ray cluster; the verdict is given here.

Each universe measures its own baseline on its own fork, so only ratios travel. Tasks hold no secret: the connection string
comes from PGVERSE_SOURCE on each node (the demo shop without it). Give each universe a machine of its own where there are
enough: Ray counts processors, and two universes that measure beside each other disturb each other.

Ray listens on every interface, whatever it is told: run it in a network that you trust.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pgverse
import ray
from pgverse import types


@ray.remote(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")
def universe(options: dict[str, Any], task: types.UniverseTask) -> types.UniverseOutcome:
    """Runs on a worker."""
    return pgverse.Competition(source=os.environ.get("PGVERSE_SOURCE"), **options).run_universe(task)


def compete(**options: Any) -> types.Report:
    """As `pgverse.compete`, with a Ray task for each agent's universe. Own agents must be picklable."""
    competition = pgverse.Competition(source=os.environ.get("PGVERSE_SOURCE"), **options)
    outcomes = [universe.remote(options, task) for task in competition.tasks()]
    return competition.conclude(ray.get(outcomes))


if __name__ == "__main__":
    ray.init(address=os.environ.get("RAY_ADDRESS"), include_dashboard=False)
    report = compete(**json.loads(os.environ.get("PGVERSE_OPTIONS", "{}")))
    print(report["verdict"]["reason"])

"""Blocks for Mage. A block of a project only calls one of these; examples/mage has a project with both pipelines.

What a competition may be asked for comes from the pipeline's variables (`agents`, `options`, `seed`, `demo_scale` …). The database
comes from io_config.yaml, profile `io_profile` (`default`), so that no variable and no block output holds a secret; with the
variable `demo_scale`, it is the demo shop.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ._calls import plan, promote as _promote, workload as _workload
from ._competition import Competition
from ._errors import InvalidInputError

if TYPE_CHECKING:
    from . import types

_OPTIONS = ("agents", "backend", "cost_model", "deadline_seconds", "demo_scale", "options", "parallel", "problem", "seed")
_PARTS = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DBNAME"}


def source(profile: str = "default", path: str | None = None) -> str | None:
    """The connection string of a profile of io_config.yaml; None if it names no host."""
    from mage_ai.io.config import ConfigFileLoader  # type: ignore[import-not-found,unused-ignore]
    from mage_ai.settings.repo import get_repo_path  # type: ignore[import-not-found,unused-ignore]

    config = ConfigFileLoader(path or os.path.join(get_repo_path(), "io_config.yaml"), profile)
    found = {part: config.get(f"POSTGRES_{key}") for part, key in _PARTS.items()}
    # Mage writes a variable of the environment that is not set as the text None.
    given = {part: str(value) for part, value in found.items() if value not in (None, "", "None")}
    if "host" not in given:
        return None
    return " ".join(f"{part}='{_quoted(value)}'" for part, value in given.items())


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _source(variables: dict[str, Any]) -> str | None:
    if variables.get("demo_scale") is not None:
        return None
    return source(variables.get("io_profile") or "default")


def _competition(statements: types.Workload, variables: dict[str, Any]) -> Competition:
    options = {name: variables[name] for name in _OPTIONS if variables.get(name) is not None}
    return Competition(source=_source(variables), workload=statements, **options)


def load_workload(**variables: Any) -> types.Workload:
    """Data loader: the statements of the variable `workload`, a path in the project, or `sql`, a text; or the demo's."""
    path = variables.get("workload")
    if path is not None and not os.path.isabs(path) and variables.get("repo_path"):
        path = os.path.join(variables["repo_path"], path)
    return _workload(path, sql=variables.get("sql"))


def compete(statements: types.Workload, **variables: Any) -> types.Report:
    """All universes in one block."""
    return _competition(statements, variables).run()


def tasks(statements: types.Workload, **variables: Any) -> list[list[Any]]:
    """Dynamic block: a task for each universe, and its name."""
    found = _competition(statements, variables).tasks()
    return [list(found), [{"block_uuid": task["agent"]} for task in found]]


def run_universe(task: types.UniverseTask, **variables: Any) -> types.UniverseOutcome:
    """Dynamic child: one universe."""
    return _competition(task["workload"], variables).run_universe(task)


def judge(outcomes: list[types.UniverseOutcome], statements: types.Workload, **variables: Any) -> types.Report:
    """After the dynamic children (`reduce_output`): the verdict over all of them."""
    return _competition(statements, variables).conclude(outcomes)


def promote(report: types.Report, **variables: Any) -> dict[str, Any]:
    """Data exporter: shows the plan of the winner; promotes it only if the variable `approve` is the hash of the plan.
    To approve, run this block alone (`mage run PROJECT PIPELINE --block-uuid promote`): another competition has another plan.

    Returns `state`, a `message` of one line, and the `plan` or the `promotion`.
    """
    if not report["verdict"].get("winner"):
        return {"state": "no winner", "message": report["verdict"]["reason"]}
    planned = plan(report)
    approve = variables.get("approve")
    if not approve:
        message = f"{report['verdict']['winner']} waits for approval: run this block again with approve={planned['hash']}"
        return {"state": "waits for approval", "message": message, "plan": planned}
    database = _source(variables)
    if database is None:
        raise InvalidInputError("the demo shop has no production", hint="give a database in io_config.yaml")
    promoted = _promote(report, source=database, approve=approve)
    message = f"{report['verdict']['winner']} is {promoted['state']}"
    return {"state": promoted["state"], "message": message, "promotion": promoted}

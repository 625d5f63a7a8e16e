"""Calls that wait for their result."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, cast

from ._requests import given, workload_input
from ._run import named, wait

if TYPE_CHECKING:
    from . import types


def workload(workload: str | PathLike[str] | Any = None, *, sql: str | None = None) -> types.Workload:
    """Reads statements from a file, a text of SQL, or Python values. Without any, those of the demo."""
    asked = workload_input(workload, sql)
    name = "workload" if asked is not None else "demo_workload"
    return cast("types.Workload", wait(named(name, asked)))


def same(
    before: str,
    after: str,
    *,
    source: str,
    backend: str | None = None,
    databases: int | None = None,
    seed: int | None = None,
) -> types.Sameness:
    """Do two queries give the same answers? Compared on a fork, and on tiny databases made to find a difference."""
    request = given(before=before, after=after, source=source, backend=backend, databases=databases, seed=seed)
    return cast("types.Sameness", wait(named("same", request)))


def plan(report: types.Report) -> types.PromotionPlan:
    """What promoting the winner would do, and the hash that approves it."""
    return cast("types.PromotionPlan", wait(named("plan", report)))


def judge(report: types.Report) -> types.Report:
    """The recorded measurements, judged again: the same verdict."""
    return cast("types.Report", wait(named("judge", report)))


def rehearse(report: types.Report, *, source: str) -> types.Rehearsal:
    """Checks everything and tells exactly what a promotion would run; writes nothing."""
    return cast("types.Rehearsal", wait(named("rehearse", given(report=report, source=source))))


def promote(
    report: types.Report,
    *,
    source: str,
    approve: str,
    watch_seconds: float | None = None,
    auto_rollback: bool | None = None,
    max_regression: float | None = None,
) -> types.Promoted:
    """Carries out the winner's plan, which is approved by its hash, without blocking production."""
    request = given(
        report=report,
        source=source,
        approve=approve,
        watch_seconds=watch_seconds,
        auto_rollback=auto_rollback,
        max_regression=max_regression,
    )
    return cast("types.Promoted", wait(named("promote", request)))


def rollback(id: int, *, source: str) -> types.PromotionRecord:
    """Undoes a promotion."""
    return cast("types.PromotionRecord", wait(named("rollback", given(id=id, source=source))))


def promotions(*, source: str) -> list[types.PromotionRecord]:
    """What was promoted, and how far it came."""
    return cast("list[types.PromotionRecord]", wait(named("promotions", given(source=source))))


def fork(
    source: str | None = None,
    *,
    backend: str | None = None,
    ttl_seconds: float | None = None,
    demo_scale: float | None = None,
) -> types.Fork:
    """Makes a fork that stays until it is destroyed or its time is over; of the demo shop without a source."""
    request = given(source=source, backend=backend, ttl_seconds=ttl_seconds, demo_scale=demo_scale)
    return cast("types.Fork", wait(named("fork", request)))


def forks(source: str | None = None) -> list[types.Universe]:
    """Every fork that has a lease on this machine, and, with a source, every one that its server knows of."""
    return cast("list[types.Universe]", wait(named("forks", given(source=source))))


def destroy(id: str, *, source: str | None = None) -> None:
    """Destroys one fork."""
    wait(named("destroy", given(id=id, source=source)))


def sweep(source: str | None = None) -> list[str]:
    """Destroys the forks of runs that died, and returns their names."""
    return cast("list[str]", wait(named("sweep", given(source=source))))

"""The same calls for `await`. Cancelling the task cancels the call, after it has cleaned up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ._competition import Competition
from ._requests import given
from ._run import awaited, named

if TYPE_CHECKING:
    from . import types

__all__ = [
    "compete",
    "destroy",
    "fork",
    "forks",
    "promote",
    "promotions",
    "rehearse",
    "rollback",
    "same",
    "sweep",
]


async def compete(**options: Any) -> types.Report:
    """As `pgverse.compete`."""
    return await Competition(**options).run_async()


async def same(
    before: str,
    after: str,
    *,
    source: str,
    backend: str | None = None,
    databases: int | None = None,
    seed: int | None = None,
) -> types.Sameness:
    """As `pgverse.same`."""
    request = given(before=before, after=after, source=source, backend=backend, databases=databases, seed=seed)
    return cast("types.Sameness", await awaited(named("same", request)))


async def rehearse(report: types.Report, *, source: str) -> types.Rehearsal:
    """As `pgverse.rehearse`."""
    return cast("types.Rehearsal", await awaited(named("rehearse", given(report=report, source=source))))


async def promote(
    report: types.Report,
    *,
    source: str,
    approve: str,
    watch_seconds: float | None = None,
    auto_rollback: bool | None = None,
    max_regression: float | None = None,
) -> types.Promoted:
    """As `pgverse.promote`."""
    request = given(
        report=report,
        source=source,
        approve=approve,
        watch_seconds=watch_seconds,
        auto_rollback=auto_rollback,
        max_regression=max_regression,
    )
    return cast("types.Promoted", await awaited(named("promote", request)))


async def rollback(id: int, *, source: str) -> types.PromotionRecord:
    """As `pgverse.rollback`."""
    return cast("types.PromotionRecord", await awaited(named("rollback", given(id=id, source=source))))


async def promotions(*, source: str) -> list[types.PromotionRecord]:
    """As `pgverse.promotions`."""
    return cast("list[types.PromotionRecord]", await awaited(named("promotions", given(source=source))))


async def fork(
    source: str | None = None,
    *,
    backend: str | None = None,
    ttl_seconds: float | None = None,
    demo_scale: float | None = None,
) -> types.Fork:
    """As `pgverse.fork`."""
    request = given(source=source, backend=backend, ttl_seconds=ttl_seconds, demo_scale=demo_scale)
    return cast("types.Fork", await awaited(named("fork", request)))


async def forks(source: str | None = None) -> list[types.Universe]:
    """As `pgverse.forks`."""
    return cast("list[types.Universe]", await awaited(named("forks", given(source=source))))


async def destroy(id: str, *, source: str | None = None) -> None:
    """As `pgverse.destroy`."""
    await awaited(named("destroy", given(id=id, source=source)))


async def sweep(source: str | None = None) -> list[str]:
    """As `pgverse.sweep`."""
    return cast("list[str]", await awaited(named("sweep", given(source=source))))

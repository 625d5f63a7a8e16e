"""A competition: watched, cancelled, run once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

from . import _errors, _native, _progress
from ._foreign import Agent, Bridge, ForkBackend, Judge, named
from ._requests import given, workload_input
from ._run import awaited, wait

if TYPE_CHECKING:
    from . import types


class Competition:
    """Strategies that compete on forks of a database.

    Without a source, the demo shop. `agents` are names of the library's own, objects with `name` and
    `propose(probe, brief)`, or plain functions; without any, all of the library's take part.

    Raises `InvalidInputError` or `NotFoundError` for what is wrong with the arguments.
    """

    def __init__(
        self,
        *,
        source: str | None = None,
        workload: str | PathLike[str] | types.Workload | Any = None,
        sql: str | None = None,
        problem: types.Problem | str | None = None,
        agents: Iterable[str | Agent | Callable[..., Any]] | None = None,
        backend: str | ForkBackend | None = None,
        judge: Judge | Callable[..., types.Verdict] | None = None,
        options: types.RaceOptions | None = None,
        parallel: int | None = None,
        seed: int | None = None,
        deadline_seconds: float | None = None,
        cost_model: types.CostModel | None = None,
        demo_scale: float | None = None,
    ) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            pass  # Nobody awaits here.
        taking_part = list(agents) if agents is not None else None
        own = [agent for agent in taking_part or [] if not isinstance(agent, str)]
        names = [agent for agent in taking_part if isinstance(agent, str)] if taking_part is not None else None
        own_backend = None if backend is None or isinstance(backend, str) else backend
        request = given(
            source=source,
            workload=workload_input(workload, sql),
            problem={"description": problem} if isinstance(problem, str) else problem,
            agents=names,
            backend=backend if isinstance(backend, str) else None,
            options=options,
            parallel=parallel,
            seed=seed,
            deadline_seconds=deadline_seconds,
            cost_model=cost_model,
            demo_scale=demo_scale,
        )
        bridges = [(name, self._bridge(target)) for name, target in (named(a, "propose") for a in own)]
        decides = None
        if judge is not None:
            name, target = named(judge, "judge")
            decides = (name, self._bridge(target))
        capability = getattr(own_backend, "capability", None)
        try:
            self._native = _native.NativeContest(
                json.dumps(request),
                bridges,
                self._bridge(own_backend) if own_backend is not None else None,
                json.dumps(capability) if capability is not None else None,
                decides,
            )
        except RuntimeError as error:
            raise _errors.from_json(str(error)) from None

    def _bridge(self, target: Any) -> Bridge:
        return Bridge(target, lambda: self._loop)

    def run(self, *, progress: bool = False) -> types.Report:
        """Runs to the verdict. Ctrl-C cancels it; all forks are destroyed before KeyboardInterrupt is raised."""
        if progress:
            self._native.watch(_progress.hear())
        return cast("types.Report", wait(self._native.start))

    async def run_async(self, *, progress: bool = False) -> types.Report:
        """Runs to the verdict. If the task is cancelled, all forks are destroyed before it ends."""
        self._loop = asyncio.get_running_loop()
        if progress:
            self._native.watch(_progress.hear())
        return cast("types.Report", await awaited(self._native.start))

    def tasks(self) -> list[types.UniverseTask]:
        """One task for each agent's universe: plain data, for workers on other machines."""
        try:
            return cast("list[types.UniverseTask]", json.loads(self._native.tasks()))
        except RuntimeError as error:
            raise _errors.from_json(str(error)) from None

    def run_universe(self, task: types.UniverseTask) -> types.UniverseOutcome:
        """Runs one universe here, in a competition that was made like the one of the task; its fork is destroyed."""
        text = json.dumps(task)
        return cast(
            "types.UniverseOutcome", wait(lambda done: self._native.start_universe(text, done))
        )

    def conclude(self, outcomes: Iterable[types.UniverseOutcome]) -> types.Report:
        """The verdict over universes that ran elsewhere, one for each task; the grand final runs here."""
        text = json.dumps(list(outcomes))
        return cast("types.Report", wait(lambda done: self._native.start_conclusion(text, done)))

    async def events(self) -> AsyncIterator[types.Event]:
        """All events from the first one on, also those before the call; ends when the run ends."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str | None] = asyncio.Queue()

        def hear(event: str | None) -> None:
            try:
                loop.call_soon_threadsafe(queue.put_nowait, event)
            except RuntimeError:
                pass  # The loop is closed: nobody listens any more.

        self._native.watch(hear)
        while (event := await queue.get()) is not None:
            yield cast("types.Event", json.loads(event))

    def cancel(self) -> None:
        """Stops the run; all forks are destroyed before it ends, with `CancelledError`."""
        self._native.cancel()


def compete(*, progress: bool = False, **options: Any) -> types.Report:
    """Runs a competition to the verdict; takes what `Competition` takes."""
    return Competition(**options).run(progress=progress)

"""Progress for people: by tqdm or rich where one is installed, else plain lines on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any



def hear() -> Callable[[str | None], None]:
    """A function that shows the events it is told."""
    show = _writer()

    def heard(text: str | None) -> None:
        if text is not None:
            line = describe(json.loads(text))
            if line:
                show(line)

    return heard


def describe(event: dict[str, Any]) -> str | None:
    """An event in words; None for those that are too many."""
    match event["type"]:
        case "preparing":
            return str(event["what"])
        case "universe_spawned":
            return f"{event['agent']}: fork by {event['mechanism']} in {event['seconds'] * 1e3:.0f} ms"
        case "proposed":
            return f"{event['agent']}: {event['title']}"
        case "eliminated":
            return f"{event['candidate']} is out: {event['reason']}"
        case "failed":
            return f"{event['agent']} failed: {event['error']}"
        case "crowned":
            return f"winner: {event['candidate']}, ratio {event['ratio']['estimate']:.3f}"
        case "no_winner":
            return f"no winner: {event['reason']}"
        case _:
            return None


def _writer() -> Callable[[str], object]:
    try:
        from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore]

        return lambda line: tqdm.write(line, file=sys.stderr)
    except ImportError:
        pass
    try:
        from rich.console import Console  # type: ignore[import-not-found,unused-ignore]

        console = Console(stderr=True)
        return lambda line: console.print(line, markup=False)
    except ImportError:
        return lambda line: print(line, file=sys.stderr, flush=True)

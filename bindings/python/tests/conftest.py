"""Every test runs in a home of its own, in which nothing may be left at the end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HOME = Path(tempfile.mkdtemp(prefix="pgverse-python-"))
# Servers run as another user when the tests run as root, and must get in.
HOME.chmod(0o755)
os.environ["PGVERSE_HOME"] = str(HOME)

import pgverse  # noqa: E402  (it reads the variable)

SMALL: dict[str, Any] = {"demo_scale": 0.05, "options": {"min_rounds": 6, "max_rounds": 30, "measuring_seconds": 12.0,
                                        "falsification_databases": 20}}


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert pgverse.forks() == []
    assert [*(HOME / "forks").glob("*")] == []


def pytest_sessionfinish() -> None:
    import shutil

    shutil.rmtree(HOME, ignore_errors=True)

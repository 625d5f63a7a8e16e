"""Every run has a home of its own, in which nothing may be left at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(tempfile.mkdtemp(prefix="pgverse-pipelines-"))
# Servers of PostgreSQL run as another user when the tests run as root, and must get in.
HOME.chmod(0o755)
os.environ["PGVERSE_HOME"] = str(HOME)


@pytest.fixture
def home() -> Iterator[Path]:
    yield HOME


def pytest_sessionfinish() -> None:
    shutil.rmtree(HOME, ignore_errors=True)

"""The same agent in Python and in TypeScript: each is run as a user would run it, and wins."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize("command", [[sys.executable, "partial_indexes.py"], ["node", "dist/partialIndexes.js"]])
def test_the_agent_wins(command: list[str]) -> None:
    with tempfile.TemporaryDirectory() as home:
        # Servers run as another user when the tests run as root, and must get in.
        os.chmod(home, 0o755)
        environment = {**os.environ, "PGVERSE_HOME": home}
        done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        *candidates, reason = done.stdout.splitlines()
        assert candidates[0].startswith("partial-1 | crowned | partial index on orders where"), done.stdout
        assert reason.startswith("partial-1"), done.stdout
        assert [*Path(home, "forks").glob("*")] == []

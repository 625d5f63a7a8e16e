"""Forks, workloads, errors, logs and the command line."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pgverse
import pytest
from pgverse import _errors, _native


def test_every_kind_of_error_has_a_class() -> None:
    assert sorted(_errors.BY_KIND) == sorted(_native.error_kinds())


def test_wrong_input_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(pgverse.InvalidInputError, match="no statements"):
        pgverse.workload(sql="")
    file = tmp_path / "w.sql"
    file.write_text("SELECT 1;\n\\d users\n")
    with pytest.raises(ValueError) as caught:
        pgverse.workload(file)
    assert isinstance(caught.value, pgverse.InvalidInputError)
    assert caught.value.context["line"] == "2"
    with pytest.raises(pgverse.NotFoundError, match="index"):
        pgverse.Competition(agents=["indx"])
    with pytest.raises(pgverse.InvalidInputError, match="lowercase"):
        pgverse.Competition(agents=[lambda probe, brief: []])
    with pytest.raises(pgverse.NotFoundError):
        pgverse.destroy("pgverse_fork_nothing")


def test_the_demo_has_a_workload() -> None:
    statements = pgverse.workload()["statements"]
    assert len(statements) == 13
    assert pgverse.workload({"statements": statements})["statements"] == statements


def test_a_fork_is_made_asked_and_destroyed() -> None:
    made = pgverse.fork(demo_scale=0.05)
    assert [f["id"] for f in pgverse.forks()] == [made["id"]]
    same = pgverse.same("SELECT id FROM users WHERE id < 10", "SELECT id FROM users WHERE id <= 9", source=made["dsn"],
                        databases=20)
    assert same["answers"] == "same"
    other = pgverse.same("SELECT id FROM users WHERE id < 10", "SELECT id FROM users WHERE id <= 10", source=made["dsn"])
    assert other["answers"] == "differs"
    pgverse.destroy(made["id"])


def test_logs_come_to_logging(caplog: pytest.LogCaptureFixture) -> None:
    pgverse.enable_logging(logging.DEBUG)
    with caplog.at_level(logging.DEBUG, logger="pgverse"):
        pgverse.destroy(pgverse.fork(demo_scale=0.05)["id"])
    assert any(record.name.startswith("pgverse") for record in caplog.records)


def test_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-m", "pgverse", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pgverse ")
    wrong = subprocess.run([sys.executable, "-m", "pgverse", "compeet"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and "compete" in wrong.stderr

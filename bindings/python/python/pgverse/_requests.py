"""Keyword arguments into requests; what was not given is left to the library."""

from __future__ import annotations

import json
import os
from typing import Any


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def workload_input(workload: Any, sql: str | None) -> dict[str, Any] | None:
    """A path, a text of SQL, or statements as Python values."""
    if sql is not None:
        return {"text": sql}
    if workload is None:
        return None
    if isinstance(workload, (str, os.PathLike)):
        return {"file": os.fspath(workload)}
    if isinstance(workload, dict) and all("fingerprint" in s for s in workload.get("statements", [{}])):
        return {"parsed": workload}
    return {"text": json.dumps(workload)}

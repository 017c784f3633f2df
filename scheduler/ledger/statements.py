"""Named SQL: one file, one statement, named after the ledger method that runs it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return files("scheduler.ledger").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")

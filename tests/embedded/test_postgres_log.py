"""I25: Postgres tells which row was refused in details of its errors; its own log has none of them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from api.cli.exits import unexpected
from scheduler.ledger.database import Database

PHONE = "+12125550142"


async def test_what_a_row_holds_stays_out_of_the_servers_own_log(
    postgres_server_url: str, database: Database
) -> None:
    """RELIABILITY 5.1: no bound values, no DETAIL."""
    log = Path(parse_qs(urlsplit(postgres_server_url).query)["host"][0]) / "data.log"
    async with database.connection() as on:
        await on.execute("CREATE TEMP TABLE canary (phone text UNIQUE, name text NOT NULL, n int)")
        insert = "INSERT INTO canary VALUES ($1, $2, 1)"
        await on.execute(insert, PHONE, "x")
        with pytest.raises(asyncpg.UniqueViolationError, match=PHONE[1:]):
            await on.execute(insert, PHONE, "x")
        with pytest.raises(asyncpg.NotNullViolationError):
            await on.execute(insert, PHONE + "1", None)

    said = log.read_text(errors="replace")
    assert "canary_phone_key" in said, "it is the log of this server"
    assert PHONE not in said
    assert "DETAIL" not in said


def test_a_fault_of_ours_shows_the_first_line_of_an_error_and_no_row() -> None:
    error = asyncpg.UniqueViolationError("duplicate key value violates unique constraint")
    error.detail = f"Key (name, phone)=(Canary Person, {PHONE}) already exists."
    assert "Canary" in str(error)

    told = unexpected(error)
    assert told.why.startswith("UniqueViolationError: duplicate key")
    assert "Canary" not in told.why

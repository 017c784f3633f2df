"""Jobs in the ledger: work that takes longer than a request, its lease and how far it has come.

Leases are on wall time, what people read is on the Clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import NotFound, Refused
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none
from scheduler.ledger.pages import ONE, Created, Slice

TAKES = 5
"""So many others may be faster, one after the other; then the next step looks again."""


class Taken(msgspec.Struct, frozen=True):
    """A leased job. `takes` says which lease it is; `tries`: how often it was taken since it last got on."""

    job_id: int
    account_id: int
    kind: str
    args: dict[str, Any]
    cursor: Any
    done: int
    total: int | None
    takes: int
    tries: int


async def create_job(
    ledger: Database,
    *,
    account_id: int,
    kind: str,
    args: dict[str, Any],
    total: int | None = None,
    now_ms: Ms,
    not_before_ms: Ms | None = None,
    on: Connection | None = None,
) -> int:
    """A job for whoever is free; in the transaction `on` of what it follows. Answers its id.

    `not_before_ms` (wall time): nobody takes it earlier, unless it is released.
    """
    row = await ledger.fetch_row(
        "job_create",
        account_id,
        kind,
        _json(args),
        total,
        to_datetime_or_none(not_before_ms),
        to_datetime(now_ms),
        on=on,
    )
    assert row is not None
    return int(row["job_id"])


async def release_job(ledger: Database, job_id: int) -> None:
    """A job that was made to wait may be taken now."""
    await ledger.execute("job_release", job_id)


async def take_job(
    ledger: Database, kinds: Sequence[str], *, wall_ms: Ms, lease_ms: Ms, now_ms: Ms
) -> Taken | None:
    """Lease the oldest job that nobody holds; of an account one of each kind is worked on at a time."""
    arguments = (list(kinds), to_datetime(wall_ms), timedelta(milliseconds=lease_ms), to_datetime(now_ms))
    row = None
    for _ in range(TAKES):
        try:
            row = await ledger.fetch_row("job_take", *arguments)
            break
        except asyncpg.UniqueViolationError:  # another took one of the same kind just now: look again
            continue
    if row is None:
        return None
    return Taken(
        row["job_id"],
        row["account_id"],
        row["kind"],
        msgspec.json.decode(row["args"]),
        None if row["cursor"] is None else msgspec.json.decode(row["cursor"]),
        row["done"],
        row["total"],
        row["takes"],
        row["tries"],
    )


async def advance_job(
    ledger: Database,
    job_id: int,
    takes: int,
    *,
    done: int,
    total: int | None,
    cursor: Any,
    leased_until_ms: Ms,
    now_ms: Ms,
    on: Connection | None = None,
) -> bool:
    """False when the job was canceled or is somebody else's by now."""
    row = await ledger.fetch_row(
        "job_advance",
        job_id,
        takes,
        done,
        total,
        None if cursor is None else _json(cursor),
        to_datetime(leased_until_ms),
        to_datetime(now_ms),
        on=on,
    )
    return row is not None


async def finish_job(
    ledger: Database, job_id: int, takes: int, status: str, error: str | None, now_ms: Ms
) -> None:
    """`status`: done, or failed with its `error`. Changes nothing where another has the job by now."""
    await ledger.execute("job_finish", job_id, takes, status, error, to_datetime(now_ms))


async def put_job_back(
    ledger: Database,
    job_id: int,
    takes: int,
    *,
    error: str | None,
    not_before_ms: Ms,
    forgiven: bool,
    now_ms: Ms,
) -> None:
    """Let another try from its cursor, on wall time `not_before_ms`. `forgiven`: this try does not count."""
    await ledger.execute(
        "job_put_back",
        job_id,
        takes,
        error,
        to_datetime(not_before_ms),
        int(forgiven),
        to_datetime(now_ms),
    )


async def cancel_job(
    ledger: Database, on: Connection, account_id: int, job_id: int, now_ms: Ms
) -> Row | None:
    """End it; answers its kind and its status before, None when it was canceled already.

    Raises NotFound; Refused (`state-conflict`) for one that is done or has failed.
    """
    row = await ledger.fetch_row("job_cancel", account_id, job_id, to_datetime(now_ms), on=on)
    if row is None and (now := await job(ledger, account_id, job_id, on))["status"] != "canceled":
        raise Refused("state-conflict", f"the job is {now['status']}", "what is over cannot be canceled")
    return row


async def job(ledger: Database, account_id: int, job_id: int, on: Connection | None = None) -> Row:
    """Raises NotFound."""
    row = await ledger.fetch_row("job_page", account_id, [job_id], None, None, *ONE.values, on=on)
    if row is None:
        raise NotFound("no such job")
    return row


async def jobs(
    ledger: Database,
    account_id: int,
    asked: Slice,
    *,
    kinds: Sequence[str] | None = None,
    statuses: Sequence[str] | None = None,
) -> list[Row]:
    """A page of the account's jobs."""
    return await ledger.fetch("job_page", account_id, None, kinds, statuses, *asked.values)


async def count_jobs(
    ledger: Database,
    account_id: int,
    created: Created,
    *,
    kinds: Sequence[str] | None,
    statuses: Sequence[str] | None,
) -> int:
    return await ledger.fetch_count("job_count", account_id, kinds, statuses, created)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()

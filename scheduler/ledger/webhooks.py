"""Webhooks in the ledger, as their account sees and changes them. How they are served is in `deliveries`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import NotFound, Refused
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none
from scheduler.ledger.pages import ONE, Created, Slice

MOST_OLD_SECRETS = 3
"""Signatures beside the newest one: who lost the answer of a rotation rotates again, and again."""


async def create_webhook(
    database: Database,
    on: Connection,
    *,
    account_id: int,
    url: str,
    types: Sequence[str],
    mode: str,
    most: int,
    now_ms: Ms,
    wall_ms: Ms,
) -> int:
    """Answers its number; `set_secret` comes in the same transaction. Raises Refused (`state-conflict`) when
    the account has `most` of them."""
    row = await database.fetch_row(
        "webhook_create",
        account_id,
        url,
        list(types),
        mode,
        most,
        to_datetime(now_ms),
        to_datetime(wall_ms),
        on=on,
    )
    if row is None:
        raise Refused(
            "state-conflict",
            f"the account has {most} webhooks, which is all it may have",
            do="remove one, or raise the setting webhooks_kept",
        )
    return int(row["webhook_id"])


async def set_secret(
    database: Database,
    on: Connection,
    account_id: int,
    webhook_id: int,
    sealed: bytes,
    *,
    old_until_ms: Ms | None,
    now_ms: Ms,
    wall_ms: Ms,
) -> None:
    """`old_until_ms` (wall time): the secrets that sign now do so too until then; None: they end now."""
    await database.execute(
        "webhook_secret",
        account_id,
        webhook_id,
        sealed,
        to_datetime_or_none(old_until_ms),
        to_datetime(now_ms),
        to_datetime(wall_ms),
        MOST_OLD_SECRETS,
        on=on,
    )


async def webhooks(database: Database, account_id: int, asked: Slice) -> list[Row]:
    return await database.fetch("webhook_page", account_id, None, *asked.values)


async def webhook(database: Database, account_id: int, webhook_id: int, on: Connection | None = None) -> Row:
    """Raises NotFound."""
    return _found(
        await database.fetch_row("webhook_page", account_id, [webhook_id], *ONE.values, on=on), "webhook"
    )


async def lock_webhook(database: Database, on: Connection, account_id: int, webhook_id: int) -> Row:
    """Held until the transaction ends. Raises NotFound."""
    return _found(await database.fetch_row("webhook_lock", account_id, webhook_id, on=on), "webhook")


async def change_webhook(
    database: Database, on: Connection, account_id: int, webhook_id: int, changes: dict[str, Any], now_ms: Ms
) -> None:
    """Set the fields that `changes` names: url, types, mode, status (active or paused)."""
    said = msgspec.json.encode(changes).decode()
    await database.execute("webhook_change", account_id, webhook_id, said, to_datetime(now_ms), on=on)


async def delete_webhook(database: Database, on: Connection, account_id: int, webhook_id: int) -> None:
    """Remove it with its deliveries."""
    await database.execute("webhook_delete", account_id, webhook_id, on=on)


async def replay_webhook(
    database: Database,
    on: Connection,
    account_id: int,
    webhook_id: int,
    from_: datetime,
    until: datetime,
    now_ms: Ms,
) -> None:
    """Have the events of that span sent once more. Raises Refused (`state-conflict`) unless it is active and
    replays nothing yet."""
    row = await database.fetch_row(
        "webhook_replay", account_id, webhook_id, from_, until, to_datetime(now_ms), on=on
    )
    if row is None:
        raise _not_now("it is not active, or replays already", "wait for its end, or make it active")


async def ping_webhook(
    database: Database, on: Connection, account_id: int, webhook_id: int, now_ms: Ms
) -> int:
    """A delivery that says hello; answers its number. Raises Refused (`state-conflict`) unless the webhook is
    active."""
    row = await database.fetch_row("delivery_ping", account_id, webhook_id, to_datetime(now_ms), on=on)
    if row is None:
        raise _not_now("it is not active", "make it active")
    return int(row["delivery_id"])


async def deliveries(
    database: Database,
    account_id: int,
    webhook_id: int,
    asked: Slice,
    *,
    states: Sequence[str] | None,
) -> list[Row]:
    return await database.fetch("delivery_page", account_id, webhook_id, states, *asked.values)


async def delivery(
    database: Database, account_id: int, delivery_id: int, on: Connection | None = None
) -> Row:
    """Raises NotFound."""
    return _found(await database.fetch_row("delivery_row", account_id, delivery_id, on=on), "delivery")


async def count_deliveries(
    database: Database, account_id: int, webhook_id: int, created: Created, *, states: Sequence[str] | None
) -> int:
    return await database.fetch_count("delivery_count", account_id, webhook_id, states, created)


async def retry_delivery(
    database: Database, on: Connection, account_id: int, delivery_id: int, now_ms: Ms
) -> None:
    """Have it sent at once, whatever became of it. Raises Refused (`state-conflict`) unless its webhook is
    active."""
    row = await database.fetch_row("delivery_retry", account_id, delivery_id, to_datetime(now_ms), on=on)
    if row is None:
        raise _not_now("it is not active", "make it active")


def _not_now(why: str, do: str) -> Refused:
    return Refused("state-conflict", "the webhook sends nothing now", why, do)


def _found(row: Row | None, what: str) -> Row:
    if row is None:
        raise NotFound(f"no such {what}")
    return row

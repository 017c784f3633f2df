"""Trunks: lines to the network with limits of their own, and what each agent's calls go out by."""

from __future__ import annotations

from typing import Any

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import NotFound
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import ONE, Slice
from scheduler.ledger.refusals import refusing

TAKEN = "there is a trunk of that name already"
IN_USE = "an agent's calls go out by this trunk"


async def trunks(database: Database, account_id: int, asked: Slice) -> list[Row]:
    return await database.fetch("trunk_page", account_id, None, *asked.values)


async def trunk(database: Database, account_id: int, trunk_id: int) -> Row:
    """Raises NotFound."""
    row = await database.fetch_row("trunk_page", account_id, [trunk_id], *ONE.values)
    if row is None:
        raise NotFound("no such trunk")
    return row


async def create_trunk(
    database: Database,
    on: Connection | None = None,
    *,
    account_id: int,
    name: str,
    now_ms: Ms,
    max_concurrent: int | None = None,
    max_dials_per_s: float | None = None,
    paused: bool = False,
) -> int:
    """Answers the trunk id. Raises Refused (`state-conflict`) when the name is taken."""
    with refusing(taken=TAKEN):
        row = await database.fetch_row(
            "trunk_create",
            account_id,
            name,
            max_concurrent,
            max_dials_per_s,
            paused,
            to_datetime(now_ms),
            on=on,
        )
    assert row is not None
    return int(row["trunk_id"])


async def change_trunk(
    database: Database, on: Connection, account_id: int, trunk_id: int, changes: dict[str, Any], now_ms: Ms
) -> Row:
    """Set the fields that `changes` names; answers them all as they were. Raises NotFound, Refused."""
    with refusing(taken=TAKEN):
        row = await database.fetch_row(
            "trunk_change", account_id, trunk_id, encode_changes(changes), to_datetime(now_ms), on=on
        )
    if row is None:
        raise NotFound("no such trunk")
    return row


async def delete_trunk(database: Database, on: Connection, account_id: int, trunk_id: int) -> str:
    """Answers its name. Raises NotFound; Refused (`in-use`) when an agent uses it."""
    with refusing(taken=TAKEN, in_use=IN_USE):
        row = await database.fetch_row("trunk_delete", account_id, trunk_id, on=on)
    if row is None:
        raise NotFound("no such trunk")
    return str(row["name"])


def encode_changes(changes: dict[str, Any]) -> str:
    """Fields by name, as the statements that change rows take them."""
    return msgspec.json.encode(changes).decode()

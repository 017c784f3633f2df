"""Settings of accounts and agents, as people change them: who reads one to change it holds it meanwhile."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import NotFound, Refused
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.refusals import refusing

AGENT_TAKEN = "there is an agent of that name already"
GONE = "no such trunk or pool of caller ids"


async def lock_account(database: Database, on: Connection, account_id: int) -> Row:
    """The account as it is, held until the transaction ends. Raises NotFound."""
    row = await database.fetch_row("settings_lock_account", account_id, on=on)
    if row is None:
        raise NotFound("no such account")
    return row


async def lock_agent(database: Database, on: Connection, account_id: int, agent_id: int) -> Row:
    """The agent as it is, held until the transaction ends. Raises NotFound."""
    row = await database.fetch_row("settings_lock_agent", account_id, agent_id, on=on)
    if row is None:
        raise NotFound("no such agent")
    return row


async def change_account(
    database: Database, on: Connection, account_id: int, changes: dict[str, Any], now_ms: Ms
) -> None:
    """Set what `changes` names, in the API's form."""
    await database.execute("settings_change_account", account_id, _json(changes), to_datetime(now_ms), on=on)


async def change_agent(
    database: Database, on: Connection, account_id: int, agent_id: int, changes: dict[str, Any], now_ms: Ms
) -> None:
    """Set what `changes` names, in the API's form but for ids, which are numbers. Raises Refused
    (`state-conflict`) for a name that is taken, (`in-use`) for a trunk or a pool that is gone."""
    with refusing(taken=AGENT_TAKEN, in_use=GONE):
        await database.execute(
            "settings_change_agent", account_id, agent_id, _json(changes), to_datetime(now_ms), on=on
        )


async def raise_versions(
    database: Database, on: Connection, account_id: int, agent_ids: Collection[int] | None = None
) -> list[int]:
    """All that is planned for these agents, or for all of the account, is outdated. Answers which."""
    ids = None if agent_ids is None else list(agent_ids)
    rows = await database.fetch("settings_raise", account_id, ids, on=on)
    return sorted(row["agent_id"] for row in rows)


async def delete_agent(
    database: Database, on: Connection, account_id: int, agent_id: int, now_ms: Ms
) -> None:
    """Take an agent away that is locked. Raises Refused (`in-use`) while leads are called by it."""
    row = await database.fetch_row("settings_delete_agent", account_id, agent_id, to_datetime(now_ms), on=on)
    if row is None:
        raise Refused("in-use", "leads are called by this agent", do="end its loops first, or wait for them")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()

"""The audit log: append-only, written in the transaction of the change it tells of."""

from __future__ import annotations

from typing import Any

import msgspec

from scheduler.domain.time import Ms
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.instants import to_datetime


class Actor(msgspec.Struct, frozen=True):
    """Who asked. `name`: `key:<key id>` or `cli`; `request_id` leads to the logs."""

    name: str
    request_id: str | None = None


async def write_audit(
    database: Database,
    on: Connection,
    *,
    account_id: int,
    actor: Actor,
    action: str,
    object_: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    now_ms: Ms,
) -> None:
    """`action` is a past-tense fact such as `dialing_paused`; `object_` names what it happened to, by table
    and number, never by phone.
    """
    await database.execute(
        "audit_write",
        account_id,
        actor.name,
        action,
        object_,
        _json(before),
        _json(after),
        actor.request_id,
        to_datetime(now_ms),
        on=on,
    )


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()

"""The audit log: append-only, written in the transaction of the change it tells of."""

from __future__ import annotations

from typing import Any

import msgspec

from scheduler.domain.time import Ms
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import Created, Slice


class Actor(msgspec.Struct, frozen=True):
    """Who asked. `name`: `key:<key id>` or `cli`; `request_id` leads to the logs; `address`: from where."""

    name: str
    request_id: str | None = None
    address: str | None = None


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
        actor.address,
        on=on,
    )


class AuditFilter(msgspec.Struct, frozen=True):
    """None: any. `object`: as it was written, such as `agent:7`."""

    actors: list[str] | None = None
    actions: list[str] | None = None
    object: str | None = None


async def audit_page(
    database: Database,
    account_id: int,
    asked: Slice,
    narrow: AuditFilter,
) -> list[Row]:
    values = msgspec.structs.astuple(narrow)
    return await database.fetch("audit_page", account_id, *asked.values, *values)


async def audit_count(database: Database, account_id: int, narrow: AuditFilter, created: Created) -> int:
    return await database.fetch_count("audit_count", account_id, *msgspec.structs.astuple(narrow), created)


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()

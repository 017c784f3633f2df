"""Accounts, agents and the installation itself, as rows."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID, uuid4

import msgspec

from scheduler.domain.time import Ms
from scheduler.domain.windows import BUSINESS_WEEK, week_to_api
from scheduler.errors import NotFound, Refused, SettingsError
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_ms_or_none
from scheduler.ledger.pages import ONE, Created, Slice
from scheduler.ledger.refusals import refusing

DEFAULT_CAPS = ({"max": 3, "window_s": 86_400, "channels": ["call", "voicemail_drop"], "scope": "person"},)
"""Three calls per person in any 24 hours, over all agents."""


class Installation(msgspec.Struct, frozen=True):
    """Who this installation is. `installation_id` is the namespace of the keys that providers get; its
    accounts are spread over `shards`."""

    installation_id: UUID
    id_key: bytes
    phone_key: bytes
    simulated_at_ms: Ms | None
    shards: int = 1


async def ensure_installation(
    database: Database,
    *,
    now_ms: Ms,
    installation_id: UUID | None = None,
    keys: tuple[bytes, bytes] | None = None,
    shards: int = 1,
) -> Installation:
    """The installation's identity, made at the first call, with so many shards. Ids and keys are random
    unless they are given."""
    id_key, phone_key = keys or (secrets.token_bytes(32), secrets.token_bytes(32))
    row = await database.fetch_row(
        "installation_ensure", installation_id or uuid4(), id_key, phone_key, to_datetime(now_ms), shards
    )
    assert row is not None
    return Installation(
        row["installation_id"],
        row["id_key"],
        row["phone_key"],
        to_ms_or_none(row["simulated_at"]),
        row["shards"],
    )


async def stored_shards(database: Database) -> int:
    """Over how many shards the accounts are spread."""
    row = await database.fetch_row("shards_read")
    assert row is not None
    return int(row["shards"])


async def refuse_other_shards(database: Database, shards: int) -> None:
    """Raises SettingsError when a process counts other shards than the ledger: it would look for accounts
    where they are not."""
    stored = await stored_shards(database)
    if stored != shards:
        raise SettingsError(
            f"the wheel has {stored} shards, not {shards}",
            "the setting counts at the first start only, afterwards the ledger does",
            f"set shards to {stored}, or run: dialwheel wheel reshard --shards {shards}",
        )


async def create_account(
    database: Database,
    *,
    name: str,
    now_ms: Ms,
    timezone: str = "America/New_York",
    windows: dict[str, Any] | None = None,
    live_after_hours: bool = False,
    strict: bool = True,
    max_concurrent: int | None = None,
    max_dials_per_s: float | None = None,
    frequency_caps: tuple[dict[str, Any], ...] = DEFAULT_CAPS,
    jitter_max_s: int = 900,
    simulated: bool = True,
    on: Connection | None = None,
) -> int:
    """Answers the account id. `windows` in the API's form; without them Monday to Friday, 09:00 to 18:00.

    Others may have the same name: nobody learns of them by it. Raises Refused (`state-conflict`) when the
    first account of the installation is made by another at the same moment.
    """
    with refusing(taken="the first account was made just now"):
        row = await database.fetch_row(
            "account_create",
            name,
            timezone,
            _json(windows or week_to_api(BUSINESS_WEEK)),
            live_after_hours,
            strict,
            max_concurrent,
            max_dials_per_s,
            _json(frequency_caps),
            jitter_max_s,
            simulated,
            to_datetime(now_ms),
            on=on,
        )
    assert row is not None
    return int(row["account_id"])


async def accounts_page(database: Database, asked: Slice) -> list[Row]:
    """Accounts of all the installation."""
    return await database.fetch("account_page", None, *asked.values)


async def account_row(database: Database, account_id: int, on: Connection | None = None) -> Row:
    """Raises NotFound."""
    row = await database.fetch_row("account_page", [account_id], *ONE.values, on=on)
    if row is None:
        raise NotFound("no such account")
    return row


async def count_accounts(database: Database, created: Created) -> int:
    return await database.fetch_count("account_count", created)


async def manage_account(
    database: Database,
    on: Connection,
    account_id: int,
    *,
    name: str,
    suspended: bool,
    simulated: bool,
    now_ms: Ms,
) -> None:
    values = (account_id, name, suspended, to_datetime(now_ms), simulated)
    await database.fetch_row("account_manage", *values, on=on)


async def delete_account(database: Database, on: Connection, account_id: int) -> None:
    """Raises Refused (`in-use`) for an account that has anything of its own, and for the operator's."""
    with refusing(taken="", in_use="the account has something of its own"):
        gone = await database.fetch_row("account_delete", account_id, on=on)
    if gone is None:
        raise Refused("in-use", "the account has leads, agents or opt-outs", do="suspend it instead")


async def find_account(database: Database, name: str | None = None) -> int | None:
    """The id of the first account of that name, or of all without one; None if there is none."""
    row = await database.fetch_row("account_find", name)
    return None if row is None else int(row["account_id"])


async def agents_of(database: Database, account_id: int) -> list[int]:
    """Agent ids, oldest first."""
    return [row["agent_id"] for row in await database.fetch("agent_ids", account_id)]


async def batches_received(database: Database, account_id: int) -> set[str]:
    """Names of the batches that were received whole."""
    return {row["name"] for row in await database.fetch("batch_received", account_id)}


async def create_agent(
    database: Database,
    *,
    account_id: int,
    name: str,
    auto_dialer: dict[str, Any],
    now_ms: Ms,
    voice: str = "ai",
    timezone: str | None = None,
    windows: dict[str, Any] | None = None,
    on: Connection | None = None,
) -> int:
    """Answers the agent id. `auto_dialer` in the API's form; without `windows` the account's hold.

    Raises Refused (`state-conflict`) when the name is taken.
    """
    with refusing(taken="there is an agent of that name already"):
        row = await database.fetch_row(
            "agent_create",
            account_id,
            name,
            voice,
            timezone,
            None if windows is None else _json(windows),
            _json(auto_dialer),
            to_datetime(now_ms),
            on=on,
        )
    assert row is not None
    return int(row["agent_id"])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()

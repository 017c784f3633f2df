"""How webhooks are served, in the ledger: one process at a time works on a webhook, under a lease.

A webhook reads its account's numbered news from where it has got to. Its deliveries are written with that
place in one transaction, so nothing is left out, and a crash sends again at most what was under way. Leases
are on wall time, tries on the Clock.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.domain.time import Ms
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.database import Database, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none, to_ms_or_none

BY = Actor("webhooks")
"""Who disables a webhook, as the audit log names it."""


class Taken(msgspec.Struct, frozen=True):
    """A leased webhook. `secrets`: sealed, the newest first. `seq`: events up to it have deliveries;
    `replay`: from where and up to where they get them once more. `takes`: which lease it is."""

    webhook_id: int
    account_id: int
    url: str
    types: list[str]
    mode: str
    secrets: list[bytes]
    seq: int
    replay: tuple[int, int] | None
    failures: int
    failing_since_ms: Ms | None
    takes: int


class Delivery(msgspec.Struct, frozen=True):
    """What goes out in one request: so many events after a number, of those types (none: of all). `kind`:
    single, batch, or ping, which has no events. `lead_id`: see the column. `tries`: so far."""

    delivery_id: int
    kind: str
    types: list[str]
    after_seq: int
    events: int
    lead_id: int | None
    tries: int


class Span(msgspec.Struct, frozen=True):
    """Events to be delivered in one request."""

    after_seq: int
    events: int
    lead_id: int


class Settled(msgspec.Struct, frozen=True):
    """How one try went: `state` is pending (again at `next_at_ms`), delivered or failed."""

    delivery: Delivery
    state: str
    status: int | None
    error: str | None
    next_at_ms: Ms


async def take_webhooks(
    database: Database, *, now_ms: Ms, wall_ms: Ms, lease_ms: Ms, most: int
) -> list[Taken]:
    """Lease those that have something to send and that nobody holds."""
    rows = await database.fetch(
        "webhook_take", to_datetime(now_ms), to_datetime(wall_ms), to_datetime(wall_ms + lease_ms), most
    )
    return [_taken(row, wall_ms) for row in rows]


async def put_deliveries(
    database: Database,
    taken: Taken,
    spans: Sequence[Span],
    *,
    from_seq: int,
    to_seq: int,
    replay: bool,
    now_ms: Ms,
) -> bool:
    """Write deliveries, and that the webhook has got from one number to another; False, and nothing written,
    when it is no longer ours."""
    async with database.transaction() as on:
        row = await database.fetch_row(
            "webhook_advance", taken.webhook_id, taken.takes, from_seq, to_seq, replay, on=on
        )
        if row is not None and spans:
            await database.execute(
                "delivery_create",
                taken.account_id,
                taken.webhook_id,
                taken.mode,
                taken.types,
                [span.after_seq for span in spans],
                [span.events for span in spans],
                [span.lead_id for span in spans],
                to_datetime(now_ms),
                on=on,
            )
    return row is not None


async def due_deliveries(
    database: Database, taken: Taken, *, now_ms: Ms, most: int, held_tries: int
) -> list[Delivery]:
    """Whose time has come, oldest first; none when the webhook is no longer ours. A lead's wait while one
    before them is to be tried again and was tried less than `held_tries` times."""
    rows = await database.fetch(
        "delivery_due", taken.webhook_id, taken.takes, to_datetime(now_ms), most, held_tries
    )
    return [Delivery(*row) for row in rows]


async def settle_deliveries(database: Database, settled: Sequence[Settled], now_ms: Ms) -> None:
    if settled:
        await database.execute(
            "delivery_settle",
            [one.delivery.delivery_id for one in settled],
            [one.delivery.tries for one in settled],
            [one.state for one in settled],
            [one.status for one in settled],
            [one.error for one in settled],
            [to_datetime(one.next_at_ms) for one in settled],
            to_datetime(now_ms),
        )


async def give_back(
    database: Database,
    taken: Taken,
    *,
    failures: int,
    failing_since_ms: Ms | None,
    next_at_ms: Ms,
    wall_ms: Ms,
) -> None:
    """End the lease; the webhook is asked again from `next_at_ms` on."""
    await database.execute(
        "webhook_settle",
        taken.webhook_id,
        taken.takes,
        failures,
        to_datetime_or_none(failing_since_ms),
        to_datetime(next_at_ms),
        to_datetime(wall_ms),
    )


async def disable_webhook(database: Database, taken: Taken, reason: str, now_ms: Ms) -> bool:
    """Send nothing more, and say why. False when it is no longer ours."""
    async with database.transaction() as on:
        row = await database.fetch_row(
            "webhook_disable", taken.webhook_id, taken.takes, reason, to_datetime(now_ms), on=on
        )
        if row is not None:
            await write_audit(
                database,
                on,
                account_id=taken.account_id,
                actor=BY,
                action="webhook_disabled",
                object_=f"webhook:{taken.webhook_id}",
                before={"status": "active"},
                after={"status": "disabled", "reason": reason},
                now_ms=now_ms,
            )
    return row is not None


async def purge_deliveries(database: Database, before_ms: Ms, *, most: int) -> int:
    """Forget what was over before; answers how many went."""
    row = await database.fetch_row("delivery_purge", to_datetime(before_ms), most)
    assert row is not None
    return int(row["gone"])


def _taken(row: Row, wall_ms: Ms) -> Taken:
    secrets, each = row["secret"], len(row["secret"])
    if row["old_secret"] is not None and (to_ms_or_none(row["old_secret_until"]) or 0) > wall_ms:
        secrets += row["old_secret"]
    replay = None if row["replay_seq"] is None else (row["replay_seq"], row["replay_upto_seq"])
    return Taken(
        row["webhook_id"],
        row["account_id"],
        row["url"],
        row["types"],
        row["mode"],
        [secrets[at : at + each] for at in range(0, len(secrets), each)],
        row["seq"],
        replay,
        row["failures"],
        to_ms_or_none(row["failing_since"]),
        row["takes"],
    )

"""News: what happened, written in the transaction of the change and numbered once that is committed.

A row holds a group of like events. Numbers follow the order in which rows were written, among those that are
committed: changes of one lead wait for each other, so its events are numbered as they happened, whatever
else commits late; and no number is ever given below one that a reader has seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from scheduler.domain.time import Ms
from scheduler.ledger.columns import numbers
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.instants import to_datetime

TYPES: Mapping[str, str] = {
    "lead.created": "lead",
    "lead.updated": "lead",
    "lead.status_changed": "lead",
    "lead.opted_out": "lead",
    "lead.waiting_digest": "digest",
    "loop.started": "loop",
    "loop.rescheduled": "loop",
    "loop.paused": "loop",
    "loop.resumed": "loop",
    "loop.ended": "loop",
    "attempt.dispatched": "attempt",
    "attempt.ended": "attempt",
    "callback.scheduled": "callback",
    "callback.due": "callback",
    "batch.progress": "batch",
    "batch.done": "batch",
    "import.done": "import",
    "cadence.published": "cadence",
    "cadence.archived": "cadence",
    "dnc.added": "dnc_entry",
    "dialing.paused": "scope",
    "dialing.resumed": "scope",
    "agent.updated": "agent",
    "system.degraded": "component",
    "system.recovered": "component",
}
"""Every type with what its ids are of. `scope`: `extra["scope"]` says account, agent or batch; `component`:
`extra["component"]` says which part, and the id is the part's own number; `digest`: the id is the account's,
`extra` has the counts."""

OF_LEADS = frozenset({"lead", "loop", "attempt", "import"})
"""Kinds of which news says that a batch gets on."""

LOCK = 0x6E657773
"""Who holds this advisory lock ("news") numbers."""


class News(msgspec.Struct, frozen=True):
    """A group of like events: `ids` of what they happened to; `lead_ids` whose that is, one for each, or none
    where it is nobody's or a lead itself; `batch_ids` likewise, or one for all, 0 for none. `extra`: what all
    of them share: `previous`, the fields before the change; `now`, fields as they were right after it."""

    type: str
    account_id: int
    ids: Sequence[int]
    lead_ids: Sequence[int] = ()
    batch_ids: Sequence[int] = ()
    extra: dict[str, Any] | None = None


class Numbered(msgspec.Struct, frozen=True):
    """How many groups got their numbers, and the batches on whose leads something happened."""

    groups: int
    batch_ids: set[int]


class Head(msgspec.Struct, frozen=True):
    """The number of an account's last event, and of the last that is no longer kept."""

    seq: int = 0
    purged_seq: int = 0


async def tell(
    ledger: Database,
    type_: str,
    account_id: int,
    *,
    ids: Sequence[int],
    at_ms: Ms,
    on: Connection,
    lead_ids: Sequence[int] = (),
    batch_ids: Sequence[int] = (),
    extra: dict[str, Any] | None = None,
) -> None:
    """Tell of one group of like events, in the transaction in which they happen; see `News`."""
    await tell_all(ledger, [News(type_, account_id, ids, lead_ids, batch_ids, extra)], at_ms, on)


async def tell_all(ledger: Database, news: Sequence[News], at_ms: Ms, on: Connection) -> None:
    """Tell of several groups at once, in their order; those of nothing are left out."""
    told = [group for group in news if group.ids]
    if not told:
        return
    if unknown := {group.type for group in told} - TYPES.keys():
        raise ValueError(f"no such type of event: {', '.join(sorted(unknown))}")
    await ledger.execute(
        "news_tell",
        [group.account_id for group in told],
        [group.type for group in told],
        [numbers(group.ids) for group in told],
        [numbers(group.lead_ids) for group in told],
        [numbers(group.batch_ids) for group in told],
        [None if group.extra is None else msgspec.json.encode(group.extra).decode() for group in told],
        to_datetime(at_ms),
        on=on,
    )


async def tell_suppressed(
    ledger: Database, whom: Sequence[tuple[int, str]], at_ms: Ms, on: Connection
) -> None:
    """Tell `dnc.added` of those of the accounts' phones that this transaction has put on the list."""
    accounts, phones = [account_id for account_id, _ in whom], [phone for _, phone in whom]
    await ledger.execute("news_suppressed", accounts, phones, to_datetime(at_ms), on=on)


async def tell_ended(ledger: Database, loop_ids: Sequence[int], at_ms: Ms, on: Connection) -> None:
    """Tell of those of the loops that this transaction has ended: `loop.ended`, what became of their leads,
    and who opted out."""
    if loop_ids:
        await ledger.execute("news_ended", list(loop_ids), to_datetime(at_ms), on=on)


async def tell_moved(ledger: Database, loop_ids: Sequence[int], at_ms: Ms, on: Connection) -> None:
    """Tell `loop.rescheduled` of those of the loops that this transaction has given another instant."""
    if loop_ids:
        await ledger.execute("news_moved", list(loop_ids), to_datetime(at_ms), on=on)


async def number(database: Database, *, most: int) -> Numbered:
    """Number what is committed, `most` groups at most; nothing while somebody else does."""
    waiting = await database.fetch_row("news_waiting")
    if waiting is None or not waiting["waiting"]:
        return Numbered(0, set())
    async with database.transaction() as on:
        lock = await database.fetch_row("news_lock", LOCK, on=on)
        if lock is None or not lock["ours"]:
            return Numbered(0, set())
        rows = await database.fetch("news_number", most, on=on)
    of_leads = [row["batch_ids"] for row in rows if TYPES[row["type"]] in OF_LEADS]
    return Numbered(len(rows), {batch_id for ids in of_leads for batch_id in ids if batch_id})


async def tell_progress(
    database: Database, batch_ids: Collection[int], *, every_ms: Ms, wall_ms: Ms, now_ms: Ms
) -> set[int]:
    """Tell `batch.progress` of these, but for those of which it was told within `every_ms`. Answers which."""
    rows = await database.fetch(
        "news_progress",
        list(batch_ids),
        to_datetime(wall_ms - every_ms),
        to_datetime(wall_ms),
        to_datetime(now_ms),
    )
    return {row["batch_id"] for row in rows}


async def finish_batches(database: Database, batch_ids: Collection[int], now_ms: Ms) -> None:
    """Have batches be done of which every loop is over and no file is coming in, and tell it; what goes on
    after all runs again. Looks at all loops: 0.2 s of a million."""
    await database.execute("batch_finish", list(batch_ids), to_datetime(now_ms))


async def purge(database: Database, before_ms: Ms, *, most: int) -> int:
    """Forget news of before, `most` groups an account at most; answers how many groups went."""
    row = await database.fetch_row("news_purge", to_datetime(before_ms), most)
    assert row is not None
    return int(row["gone"])


async def heads(database: Database, account_ids: Collection[int]) -> dict[int, Head]:
    """Of those accounts that have had events."""
    rows = await database.fetch("news_heads", list(account_ids))
    return {row["account_id"]: Head(row["seq"], row["purged_seq"]) for row in rows}

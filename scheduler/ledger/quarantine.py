"""Whether this ledger is the one that was here before, and the quarantine of one that is not.

A Postgres that was restored from a backup, or failed over to a standby that was behind, has forgotten
permits. It cannot know that by itself: what others saw of it is compared with what it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from scheduler.domain.time import MINUTE, Ms
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.instants import to_datetime, to_ms, to_ms_or_none

LIFT = 1_000_000_000
"""How far ids jump: a day at eleven thousand attempts a second is less."""

BEATS_AHEAD = 1_000
"""The first beat after a quarantine is so far beyond the last one that was seen: others may know more."""

OVERLAP_MS: Ms = MINUTE
"""Journals tell from this long before the ledger's last beat: clocks differ, and what it has is left out."""

SAID_WITHIN_MS: Ms = 20 * MINUTE
"""A journal in use says so in the ledger more often than this."""

_NO_PERMIT = UUID(int=0)


class Look(msgspec.Struct, frozen=True):
    """How the ledger stands. `same`: it is the store that it was; `knows`: it has the marked attempt; `owes`:
    somebody was called or opted out that it does not know of yet."""

    beat: int
    beat_at_ms: Ms
    beaten: bool
    same: bool
    knows: bool
    owes: bool
    open: OpenQuarantine | None


class OpenQuarantine(msgspec.Struct, frozen=True):
    quarantine_id: int
    began_at_ms: Ms
    why: str


class Gap(msgspec.Struct, frozen=True):
    """A quarantine in full: forgotten is what was between `ledger_at_ms` and `seen_at_ms`."""

    quarantine_id: int
    began_at_ms: Ms
    why: str
    ledger_at_ms: Ms
    seen_at_ms: Ms

    @property
    def told_from_ms(self) -> Ms:
        return self.ledger_at_ms - OVERLAP_MS


class Told(msgspec.Struct, frozen=True):
    """A journal as the ledger knows it; see the table."""

    name: str
    last_at_ms: Ms
    told: int | None
    told_at_ms: Ms | None
    remembers_from_ms: Ms | None


class Testimony(msgspec.Struct, frozen=True):
    """A call that was about to leave, or an opt-out (attempt 0) about to be answered. `who`: the keyed hash
    of the phone."""

    account_id: int
    who: str
    at_ms: Ms
    attempt_id: int = 0
    loop_id: int = 0
    n: int = 0
    permit: UUID = _NO_PERMIT


async def look(
    database: Database, *, now_ms: Ms, every_ms: Ms | None, seen_beat: int, mark: tuple[int, int]
) -> Look | None:
    """Beat if it is time and all is well; `every_ms` None: only look. `mark`: an attempt and its loop that
    were armed, (0, 0) for none. None where nothing is installed."""
    every = None if every_ms is None else timedelta(milliseconds=every_ms)
    row = await database.fetch_row("ledger_beat", to_datetime(now_ms), every, seen_beat, *mark)
    if row is None:
        return None
    is_open = row["quarantine_id"] is not None
    return Look(
        row["beat"],
        to_ms(row["beat_at"]),
        row["beaten"],
        bool(row["same"]),
        row["knows"],
        row["owes"],
        OpenQuarantine(row["quarantine_id"], to_ms(row["began_at"]), row["why"]) if is_open else None,
    )


async def begin_quarantine(
    database: Database, *, now_ms: Ms, why: str, ledger_at_ms: Ms, seen_at_ms: Ms, seen_beat: int
) -> bool:
    """From its commit on nothing is armed, and no id of the forgotten time is given out again. False where
    another process was first."""
    async with database.transaction() as on:
        row = await database.fetch_row(
            "quarantine_begin",
            to_datetime(now_ms),
            why,
            to_datetime(ledger_at_ms),
            to_datetime(seen_at_ms),
            seen_beat,
            on=on,
        )
        if row is not None:
            await database.fetch("quarantine_lift", LIFT, on=on)
    return row is not None


async def adopt_store(database: Database, seen_beat: int) -> bool:
    """Take a promoted standby for the ledger, if it is one and has every beat that was seen."""
    return await database.fetch_row("installation_identity", seen_beat) is not None


async def open_gap(database: Database, on: Connection | None = None) -> Gap | None:
    """The open quarantine; None where permits are given."""
    row = await database.fetch_row("quarantine_state", on=on)
    if row is None:
        return None
    return Gap(
        row["quarantine_id"],
        to_ms(row["began_at"]),
        row["why"],
        to_ms(row["ledger_at"]),
        to_ms(row["seen_at"]),
    )


async def end_quarantine(
    database: Database, gap: Gap, actor: Actor, *, now_ms: Ms, accepted_loss: bool, after: dict[str, int]
) -> bool:
    """Permits are given again; the books of every account say by whom, and what was put back. False where it
    was over already."""
    async with database.transaction() as on:
        row = await database.fetch_row(
            "quarantine_end",
            gap.quarantine_id,
            to_datetime(now_ms),
            actor.name,
            accepted_loss,
            BEATS_AHEAD,
            on=on,
        )
        if row is None:
            return False
        before = {"why": gap.why, "ledger_at_ms": gap.ledger_at_ms, "seen_at_ms": gap.seen_at_ms}
        for account in await database.fetch("quarantine_accounts", on=on):
            await write_audit(
                database,
                on,
                account_id=account["account_id"],
                actor=actor,
                action="quarantine_ended",
                object_=f"quarantine:{gap.quarantine_id}",
                before=before,
                after={**after, "accepted_loss": accepted_loss},
                now_ms=now_ms,
            )
    return True


async def see_journal(database: Database, name: str, now_ms: Ms) -> None:
    await database.execute("journal_seen", name, to_datetime(now_ms))


async def journals_of(database: Database, gap: Gap) -> list[Told]:
    """The journals that may have something to tell of the forgotten time."""
    rows = await database.fetch(
        "journal_all", to_datetime(gap.told_from_ms - SAID_WITHIN_MS), to_datetime(gap.began_at_ms)
    )
    return [
        Told(
            row["name"],
            to_ms(row["last_at"]),
            row["told"],
            to_ms_or_none(row["told_at"]),
            to_ms_or_none(row["remembers_from"]),
        )
        for row in rows
    ]


async def tell(database: Database, quarantine_id: int, journal: str, found: Sequence[Testimony]) -> None:
    """Keep what the journal has of the forgotten time; what the ledger has is left out."""
    await database.execute(
        "testimony_add",
        quarantine_id,
        journal,
        ["call" if item.attempt_id else "opt_out" for item in found],
        [item.account_id for item in found],
        [item.who for item in found],
        [to_datetime(item.at_ms) for item in found],
        [item.attempt_id for item in found],
        [item.loop_id for item in found],
        [item.n for item in found],
        [item.permit for item in found],
    )


async def told_all(
    database: Database, quarantine_id: int, journal: str, *, remembers_from_ms: Ms, now_ms: Ms
) -> None:
    await database.execute(
        "journal_told", journal, to_datetime(now_ms), quarantine_id, to_datetime(remembers_from_ms)
    )

"""What a ledger that was put back to an earlier state has forgotten, put back into it from the testimony.

A forgotten call is an attempt again, under its id and permit, and nobody knows what became of it: it is
looked up or written off like any other, and counts. Of several calls of a loop all but the last are over.
Where the loop is not there any more the person's contact counts all the same; and whoever is not a lead any
more is met when somebody brings them in again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from scheduler.clock import Clock
from scheduler.domain import rules
from scheduler.domain.model import Outcome
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.opt_out import opt_out
from scheduler.flow.replan import replan_loops
from scheduler.flow.settle import Report, settle
from scheduler.ledger.audit import Actor
from scheduler.ledger.contention import once_free
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.epochs import lock_leads_of
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.ledger.quarantine import Gap

CHUNK = 500
PAGE = 5_000

REASON = "put back from a journal: the ledger had forgotten it"
IN_DOUBT = "it may have been called while the ledger forgot"

MOST_CALLS = 100
"""Calls of one loop in the forgotten time; what comes after counts as contacts."""


class Repaired(msgspec.Struct):
    """What was put back: calls that are attempts again, calls that only count, opt-outs, and loops that wait
    because they may have been called."""

    attempts: int = 0
    contacts: int = 0
    opt_outs: int = 0
    held: int = 0


async def put_back(
    flow: Flow, clock: Clock, gap: Gap, actor: Actor, *, provider: str, hold_until_ms: Ms | None
) -> Repaired:
    """Put back all that the testimony has. `hold_until_ms`: where journals are missing, what was due in the
    forgotten time waits until then. Runs while the quarantine is open; a second run goes on."""
    done = Repaired()
    await _put_back_calls(flow, clock, gap, provider, done)
    for row in await flow.database.fetch("testimony_accounts"):
        await _put_back_people(flow, clock, row["account_id"], actor, done)
    marked = await flow.database.fetch("testimony_marks", REASON, to_datetime(clock.now_ms()))
    done.opt_outs += len(marked)
    if hold_until_ms is not None:
        await _hold_doubtful(flow, clock.now_ms(), gap, hold_until_ms, done)
    return done


async def owed_to(
    flow: Flow, account_id: int, phones: Sequence[str], now_ms: Ms, on: Connection
) -> list[tuple[str, datetime]]:
    """Before these people are enrolled: when they were called, for `count_contacts`. While a quarantine is
    open nothing is answered: their loops come first."""
    if not flow.standing.owes or flow.standing.quarantined:
        return []
    rows, phone_of = await _owed(flow, account_id, phones, on)
    if rows:
        await flow.database.execute("testimony_used", [row["testimony_id"] for row in rows], on=on)
    return [(phone_of[row["who"]], row["at"]) for row in rows]


async def count_contacts(
    flow: Flow, account_id: int, calls: Sequence[tuple[str, datetime]], on: Connection
) -> None:
    """These phones may have rung then: for the caps."""
    if calls:
        phones, ats = zip(*calls, strict=True)
        await flow.database.execute("testimony_contacts", account_id, list(phones), list(ats), on=on)


async def _put_back_calls(flow: Flow, clock: Clock, gap: Gap, provider: str, done: Repaired) -> None:
    after = 0
    while rows := await flow.database.fetch("testimony_loops", gap.quarantine_id, after, CHUNK):
        loop_ids = [row["loop_id"] for row in rows]
        after = loop_ids[-1]
        for _ in range(MOST_CALLS):
            done.attempts += await _enter(flow, gap, loop_ids)
            live = await flow.database.fetch("testimony_live", gap.quarantine_id, loop_ids)
            if not live:
                break
            reports = [_over(row["attempt_id"], to_ms(row["at"])) for row in live]
            await settle(flow, flow.database, reports, (), provider=provider, now_ms=clock.now_ms())


async def _enter(flow: Flow, gap: Gap, loop_ids: Sequence[int]) -> int:
    async def work(on: Connection) -> int:
        await lock_leads_of(flow.database, loop_ids, (), on)
        revision = rules.load().revision
        return len(
            await flow.database.fetch("testimony_enter", gap.quarantine_id, list(loop_ids), revision, on=on)
        )

    return await once_free(flow.database, work, seed=loop_ids[0])


def _over(attempt_id: int, at_ms: Ms) -> Report:
    """Its loop was called again at that instant: it is over, and nobody knows how."""
    return Report(
        attempt_id,
        outcome=Outcome.UNKNOWN,
        ended_at_ms=at_ms,
        rang_until_ms=at_ms,
        error="the ledger had forgotten it",
    )


async def _put_back_people(flow: Flow, clock: Clock, account_id: int, actor: Actor, done: Repaired) -> None:
    """Opt-outs, and calls whose loops are gone, of those who are leads: the keyed hash of each phone is made
    anew, for there is nothing else to know them by."""
    after = ""
    while page := await flow.database.fetch("testimony_people", account_id, after, PAGE):
        phones = [row["phone"] for row in page]
        after = phones[-1]
        async with flow.database.transaction() as on:
            rows, phone_of = await _owed(flow, account_id, phones, on)
            calls = [row for row in rows if row["kind"] == "call"]
            await count_contacts(flow, account_id, [(phone_of[row["who"]], row["at"]) for row in calls], on)
            await flow.database.execute("testimony_used", [row["testimony_id"] for row in calls], on=on)
            done.contacts += len(calls)
        for row in rows:
            if row["kind"] == "opt_out":
                await _opt_out_again(flow, clock, account_id, phone_of[row["who"]], actor)
                await flow.database.execute("testimony_used", [row["testimony_id"]])
                done.opt_outs += 1


async def _opt_out_again(flow: Flow, clock: Clock, account_id: int, phone: str, actor: Actor) -> None:
    async def nobody_hangs_up(refs: list[str]) -> None:
        """What rang before the quarantine is over, or is looked up."""

    await opt_out(
        flow,
        clock,
        nobody_hangs_up,
        account_id=account_id,
        phone=phone,
        reason=REASON,
        source="journal",
        actor=actor,
        permit_s=0.0,  # no permit is given, and none that was is young
    )


async def _hold_doubtful(flow: Flow, now_ms: Ms, gap: Gap, until_ms: Ms, done: Repaired) -> None:
    after = 0
    seen_at = to_datetime(gap.seen_at_ms)
    while rows := await flow.database.fetch("quarantine_doubtful", seen_at, after, CHUNK):
        loop_ids = [row["loop_id"] for row in rows]
        after = loop_ids[-1]

        async def work(on: Connection, loop_ids: list[int] = loop_ids) -> None:
            await lock_leads_of(flow.database, loop_ids, (), on)
            await replan_loops(
                flow,
                flow.database,
                loop_ids,
                now_ms,
                on,
                not_before_ms=max(until_ms, now_ms),
                held_by=IN_DOUBT,
            )

        await once_free(flow.database, work, seed=after)
        done.held += len(loop_ids)


async def _owed(
    flow: Flow, account_id: int, phones: Sequence[str], on: Connection
) -> tuple[list[Row], dict[str, str]]:
    phone_of = {flow.lead_key(None, phone): phone for phone in phones}
    rows = await flow.database.fetch("testimony_owed", account_id, list(phone_of), on=on)
    return rows, phone_of

"""Settle: what came of attempts, and what comes next, in one transaction.

Reports come in any order, twice, late, or before the answer to the send. They are stored once, folded by
attempt (a state never goes back, the first end wins), and committed before anybody acknowledges them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from scheduler.domain.model import (
    AskedFor,
    AttemptKind,
    Disposition,
    EndReason,
    Lead,
    Loop,
    Outcome,
    Place,
    Result,
)
from scheduler.domain.planner import fold
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.courses import Course, courses_of
from scheduler.flow.facts import NextRow, encode_trail, lead_facts, loop_facts, next_row
from scheduler.flow.news import of_settled
from scheduler.flow.transitions import Handover, begin_handed, hand_over
from scheduler.ledger.callbacks import AskedInCall, close_callbacks, keep_asked
from scheduler.ledger.columns import numbers, words
from scheduler.ledger.contention import once_free
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none, to_ms
from scheduler.ledger.news import tell_all, tell_ended, tell_suppressed
from scheduler.wheel import CallEnd, Placing

LIVE_STATES = frozenset({"armed", "accepted", "unknown", "ringing", "in_call"})
STOPPED = frozenset({Disposition.DNC, Disposition.COMPLAINT})

COLUMNS: tuple[Callable[[Sequence[Any]], Any], ...] = (
    *(numbers, words, list, numbers, numbers, numbers, list, numbers, numbers, list),
    *(numbers, words, numbers, numbers, numbers, words, numbers, words, list, numbers),
    *(numbers, numbers, numbers, numbers, words, numbers, words, numbers, numbers, numbers, numbers, list),
)
"""How each column of `settle_attempts` goes to the server, in the order of its statement."""


class Report(msgspec.Struct):
    """All that is known of one attempt in one group of news, folded. Instants are the Clock's.

    `state`: the furthest state short of the end. `outcome` set: it has ended. `not_sent` set: nothing left
    the building, `retry_at_ms` says when to try again (None: as soon as it can be). `rang_until_ms`: the
    latest instant at which the phone may have rung.
    """

    attempt_id: int
    permit: UUID | None = None
    state: str = "armed"
    dispatched_at_ms: Ms | None = None
    answered_at_ms: Ms | None = None
    provider_call_id: str | None = None
    outcome: str | None = None
    ended_at_ms: Ms | None = None
    disposition: str | None = None
    callback_at_ms: Ms | None = None
    rang_until_ms: Ms | None = None
    talk_s: int | None = None
    error: str | None = None
    not_sent: bool = False
    retry_at_ms: Ms | None = None


class StoredEvent(msgspec.Struct, frozen=True):
    """A provider event as it is kept."""

    event_id: str
    attempt_id: int
    kind: str
    at_ms: Ms


class Settled(msgspec.Struct, frozen=True):
    """What the wheel is told after the commit, and what was counted: outcomes of attempts now closed."""

    ends: list[CallEnd]
    placings: list[Placing]
    outcomes: list[str]


class _Closing(msgspec.Struct, frozen=True):
    """One attempt about to be closed: its row, its report, the loop after it, and what comes next."""

    row: Row
    report: Report
    loop: Loop
    course: Course
    lead: Lead
    dialled_at_ms: Ms
    next: NextRow | None


async def settle(
    flow: Flow,
    ledger: Database,
    reports: Sequence[Report],
    events: Sequence[StoredEvent],
    *,
    provider: str,
    now_ms: Ms,
) -> Settled:
    """Commit this group of news. Reports of attempts that are already over change nothing but two things: the
    result of one that was written off as unknown is put right, and who said "stop" is not called again."""
    return await once_free(
        ledger,
        lambda on: _settle(flow, ledger, reports, events, provider, now_ms, on),
        seed=min((report.attempt_id for report in reports), default=0),
    )


async def _settle(
    flow: Flow,
    ledger: Database,
    reports: Sequence[Report],
    events: Sequence[StoredEvent],
    provider: str,
    now_ms: Ms,
    on: Connection,
) -> Settled:
    """In one transaction, which may have to be done again."""
    attempt_ids = [report.attempt_id for report in reports]
    await ledger.fetch("settle_lock", attempt_ids, on=on)
    if events:
        await _store(ledger, events, provider, now_ms, on)
    rows = await _read(ledger, reports, on)
    live = [r for r in reports if r.attempt_id in rows and rows[r.attempt_id]["state"] in LIVE_STATES]
    over = [r for r in reports if r.attempt_id in rows and rows[r.attempt_id]["state"] == "done"]
    unsent = [r for r in live if _never_left(r)]
    placings, back = await _take_back(flow, ledger, unsent, rows, now_ms, on)
    await _progress(ledger, [r for r in live if r.outcome is None and not _never_left(r)], provider, on)
    ended = [r for r in live if r.outcome is not None]
    closings, handed = await _plan_next(flow, ended, rows, now_ms, on)
    placings += await _close(flow, ledger, closings, provider, now_ms, on)
    await _suppress(ledger, [c.row for c in closings if _stops(c)], provider, now_ms, on)
    amended = await _amend(ledger, [r for r in over if r.outcome is not None], now_ms, on)
    late = [rows[r.attempt_id] for r in over if r.disposition in STOPPED]
    await _stop_late(ledger, late, provider, now_ms, on)
    left = [r for r in live if not _never_left(r)]
    told = of_settled(rows, left, [(c.row, c.report, c.next) for c in closings], amended)
    await tell_all(ledger, told, now_ms, on)
    await _note_callbacks(ledger, closings, now_ms, on)
    placings += await begin_handed(flow, ledger, handed, now_ms, on)
    gone = back + [r.attempt_id for r in ended]
    lanes = [rows[attempt_id]["lane_id"] for attempt_id in gone]
    shards = await flow.lanes.shards_of(lanes)
    ends = [
        CallEnd(
            shards[lane_id],
            lane_id,
            rows[attempt_id]["loop_id"],
            to_ms(rows[attempt_id]["armed_at"]) + flow.wheel.call_ms,  # it was claimed before it was armed
        )
        for attempt_id, lane_id in zip(gone, lanes, strict=True)
    ]
    return Settled(ends, placings, [str(r.outcome) for r in ended])


async def _read(ledger: Database, reports: Sequence[Report], on: Connection) -> dict[int, Row]:
    """By attempt. What the next plan needs is read of those alone that end."""
    moved = [r.attempt_id for r in reports if r.outcome is None and r.disposition is None]
    ended = [r.attempt_id for r in reports if r.outcome is not None or r.disposition is not None]
    of_moved = await ledger.fetch("progress_read", moved, on=on) if moved else []
    of_ended = await ledger.fetch("settle_read", ended, on=on) if ended else []
    return {row["attempt_id"]: row for row in (*of_moved, *of_ended)}


async def _plan_next(
    flow: Flow, ended: Sequence[Report], rows: dict[int, Row], now_ms: Ms, on: Connection
) -> tuple[list[_Closing], list[Handover]]:
    of_ended = [rows[report.attempt_id] for report in ended]
    closings = []
    for report, row, course in zip(ended, of_ended, await courses_of(flow, of_ended, on), strict=True):
        place = await flow.places.get(row["place_id"])
        closings.append(_closing(flow, row, report, course, place, now_ms))
    ending = {
        at: c.next for at, c in enumerate(closings) if c.next is not None and c.next.hands_to is not None
    }
    handed = await hand_over(
        flow, [(closings[at].row, closings[at].lead, nxt) for at, nxt in ending.items()], now_ms, on
    )
    for at, each in zip(ending, handed, strict=True):
        closings[at] = msgspec.structs.replace(closings[at], next=each.ends)
    return closings, handed


def _closing(flow: Flow, row: Row, report: Report, course: Course, place: Place, now_ms: Ms) -> _Closing:
    """Fold the report into the loop and plan what comes next."""
    dialled_at_ms = report.dispatched_at_ms or to_ms(row["dispatched_at"] or row["armed_at"])
    ended_at_ms = report.ended_at_ms or now_ms
    rang_until_ms = max(report.rang_until_ms or dialled_at_ms, dialled_at_ms)
    report.rang_until_ms = rang_until_ms
    result = Result(
        outcome=Outcome(report.outcome or Outcome.UNKNOWN),
        ended_at_ms=ended_at_ms,
        kind=AttemptKind(row["kind"]),
        disposition=report.disposition,
        callback_at_ms=report.callback_at_ms,
        error=report.error,
        step=None if row["cadence_id"] is None else row["dialled_step"],
        run=row["run"],
    )
    loop = course.carried(fold(loop_facts(row), result, dialled_at_ms))
    if _asks_anew(row, report):
        loop = msgspec.structs.replace(loop, asked=None)
    lead = lead_facts(flow, row, place)
    lead = msgspec.structs.replace(lead, contacts=(*lead.contacts, rang_until_ms))
    next_one = None
    if row["loop_status"] == "dialing":
        planned = course.plan(loop, lead, result, now_ms)
        next_one = next_row(planned, row["agent_id"], row["batch_id"], row["place_id"])
    return _Closing(row, report, loop, course, lead, dialled_at_ms, next_one)


async def _close(
    flow: Flow, ledger: Database, closings: Sequence[_Closing], provider: str, now_ms: Ms, on: Connection
) -> list[Placing]:
    if not closings:
        return []
    wanted = {c.next.lane for c in closings if c.next is not None and c.next.lane is not None}
    lanes = await flow.lanes.ensure(wanted, now_ms)
    written: list[tuple[Any, ...]] = []
    placings = []
    for c in closings:
        row, report, nxt = c.row, c.report, c.next
        lane = None if nxt is None or nxt.lane is None else lanes[nxt.lane]
        if nxt is not None and lane is not None and nxt.next_at_ms is not None:
            placings.append(Placing(lane.shard, lane.lane_id, row["loop_id"], nxt.next_at_ms, 0))
        values = (
            report.attempt_id,
            report.outcome,
            report.disposition,
            report.ended_at_ms or now_ms,
            report.answered_at_ms,
            report.talk_s,
            report.error,
            report.callback_at_ms,
            c.dialled_at_ms,
            report.provider_call_id,
            None if nxt is None else row["loop_id"],
            None if nxt is None else nxt.status,
            row["lane_id"] if lane is None else lane.lane_id,
            None if nxt is None else nxt.next_at_ms,
            None if nxt is None else nxt.open_until_ms,
            None if nxt is None else nxt.kind,
            None if nxt is None else nxt.step,
            None if nxt is None else nxt.channel,
            "[]" if nxt is None else nxt.why,
            row["policy_version"],
            c.loop.step,
            c.loop.consecutive_errors,
            c.loop.postponed,
            c.dialled_at_ms,
            None if nxt is None else nxt.end_reason,
            row["lead_id"],
            row["lead_status"] if nxt is None or _leaves_status(row, nxt) else nxt.lead_status,
            report.rang_until_ms or c.dialled_at_ms,
            *(c.course.follows or (None, None)),
            c.loop.run if nxt is None or nxt.run is None else nxt.run,
            encode_trail(c.loop.trail),
        )
        written.append(values)
    columns = [encode(column) for encode, column in zip(COLUMNS, zip(*written, strict=True), strict=True)]
    before, middle, after = columns[:10], columns[10:28], columns[28:]
    await ledger.fetch("settle_attempts", *before, provider, *middle, to_datetime(now_ms), *after, on=on)
    return placings


def _leaves_status(row: Row, nxt: NextRow) -> bool:
    """Whether a call that was asked for once says nothing about the lead: it is what it was before."""
    return bool(row["once"]) and nxt.end_reason in (None, EndReason.REMOVED)


def _asks_anew(row: Row, report: Report) -> bool:
    """Whether the person asked in this call to be called again, and nobody has told us so already."""
    if report.disposition != Disposition.CALLBACK or report.callback_at_ms is None:
        return False
    return row["asked"] != AskedFor.CALLBACK or to_ms(row["asked_at"]) != report.callback_at_ms


async def _note_callbacks(ledger: Database, closings: Sequence[_Closing], now_ms: Ms, on: Connection) -> None:
    """Who was called back waits no more, and who asked to be called again does."""
    made = [c.row["lead_id"] for c in closings if c.row["kind"] == "callback" and c.row["asked"] is None]
    await close_callbacks(ledger, on, made, "done", now_ms)
    asked = []
    for row, report, nxt in ((c.row, c.report, c.next) for c in closings if _asks_anew(c.row, c.report)):
        if nxt is None or nxt.end_reason is not None or report.callback_at_ms is None:
            continue
        asked.append(
            AskedInCall(
                row["account_id"],
                row["lead_id"],
                row["loop_id"],
                row["attempt_id"],
                report.callback_at_ms,
            )
        )
        if row["asked"] is not None:  # what was said before this call is over
            await ledger.execute("loop_ask", row["loop_id"], None, None, to_datetime(now_ms), on=on)
    await keep_asked(ledger, on, asked, "call", now_ms)


def _never_left(report: Report) -> bool:
    """Whether nothing was sent. A provider that denies a call and reports it all the same is not believed."""
    return report.not_sent and report.outcome is None and report.state in ("armed", "unknown")


async def _take_back(
    flow: Flow, ledger: Database, unsent: Sequence[Report], rows: dict[int, Row], now_ms: Ms, on: Connection
) -> tuple[list[Placing], list[int]]:
    """Permits that were not used: the attempt counts for nothing, the loop waits again. Answers where, and
    the attempts that were taken back."""
    if not unsent:
        return [], []
    back = await ledger.fetch(
        "attempt_not_sent",
        [r.attempt_id for r in unsent],
        [r.permit for r in unsent],
        [to_datetime(_again_at(r, to_ms(rows[r.attempt_id]["due_at"]), now_ms)) for r in unsent],
        [r.error for r in unsent],
        on=on,
    )
    waiting = [row for row in back if row["next_at"] is not None]
    shards = await flow.lanes.shards_of([row["lane_id"] for row in waiting])
    placings = [
        Placing(shards[row["lane_id"]], row["lane_id"], row["loop_id"], to_ms(row["next_at"]), 0)
        for row in waiting
    ]
    return placings, [row["attempt_id"] for row in back]


def _again_at(report: Report, due_ms: Ms, now_ms: Ms) -> Ms:
    """When it waits again, never at the very instant that was claimed: who has found that on the wheel after
    a lease ran out is refused, until the wheel has heard that the call's slots are free. A call that began in
    between would lose its slots to the one that never was."""
    return max(report.retry_at_ms or 0, due_ms, min(due_ms + 1, now_ms))


async def _progress(ledger: Database, reports: Sequence[Report], provider: str, on: Connection) -> None:
    if reports:
        await ledger.execute(
            "attempt_progress",
            [r.attempt_id for r in reports],
            [r.state for r in reports],
            [to_datetime_or_none(r.dispatched_at_ms) for r in reports],
            [to_datetime_or_none(r.answered_at_ms) for r in reports],
            [r.provider_call_id for r in reports],
            provider,
            [r.error for r in reports],
            on=on,
        )


async def _store(
    ledger: Database, events: Sequence[StoredEvent], provider: str, now_ms: Ms, on: Connection
) -> None:
    await ledger.fetch(
        "event_store",
        provider,
        [event.event_id for event in events],
        numbers(event.attempt_id for event in events),
        words(event.kind for event in events),
        numbers(event.at_ms for event in events),
        to_datetime(now_ms),
        on=on,
    )


def _stops(closing: _Closing) -> bool:
    ends = closing.next is not None and closing.next.end_reason == EndReason.DNC
    return ends or closing.report.disposition in STOPPED


async def _suppress(
    ledger: Database, stopped: Sequence[Row], provider: str, now_ms: Ms, on: Connection
) -> None:
    """Who said "stop" is never called again by this account, whatever enrols them."""
    whom = list(dict.fromkeys((row["account_id"], row["phone"]) for row in stopped))  # or they said so twice
    if whom:
        await ledger.execute(
            "suppression_add",
            [account_id for account_id, _ in whom],
            [phone for _, phone in whom],
            "asked in a call",
            "call",
            to_datetime(now_ms),
            f"provider:{provider}",
            on=on,
        )
        await tell_suppressed(ledger, whom, now_ms, on)


async def _stop_late(
    ledger: Database, stopped: Sequence[Row], provider: str, now_ms: Ms, on: Connection
) -> None:
    """The attempt was closed before its news came: what was planned meanwhile is not called."""
    if stopped:
        await _suppress(ledger, stopped, provider, now_ms, on)
        loop_ids = [row["loop_id"] for row in stopped]
        await ledger.execute("loop_end", loop_ids, "dnc", "opted_out", to_datetime(now_ms), on=on)
        await tell_ended(ledger, loop_ids, now_ms, on)


async def _amend(ledger: Database, late: Sequence[Report], now_ms: Ms, on: Connection) -> list[int]:
    """Answers the attempts whose result was put right."""
    if not late:
        return []
    rows = await ledger.fetch(
        "attempt_amend",
        [r.attempt_id for r in late],
        [r.outcome for r in late],
        [r.disposition for r in late],
        [to_datetime_or_none(r.ended_at_ms) for r in late],
        to_datetime(now_ms),
        on=on,
    )
    return [row["attempt_id"] for row in rows]

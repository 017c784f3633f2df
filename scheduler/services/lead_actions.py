"""The job of an action on many leads: found and acted on group by group, gone on with after a crash."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from scheduler.errors import LedgerRefused
from scheduler.flow.context import Flow
from scheduler.flow.lead_actions import Action, act
from scheduler.flow.lead_moves import LeadMoves, follow, until_in_force
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection
from scheduler.ledger.leads import LeadFilter, Place, page_of_leads
from scheduler.services.jobs import Work

KIND = "lead-actions"

GROUP = 500
"""Leads in one transaction: they are locked for some tens of milliseconds."""


class LeadsToDo(msgspec.Struct, frozen=True):
    """The arguments of such a job: leads that were there at `until` and match."""

    action: Action
    narrow: LeadFilter
    until: datetime


async def act_on_leads(flow: Flow, work: Work) -> None:
    """The cursor is the place where the last group ended. Done when nothing leaves as it was before."""
    todo = msgspec.convert(work.args, LeadsToDo)
    narrow = msgspec.structs.replace(
        todo.narrow, created_until=_earlier(todo.narrow.created_until, todo.until)
    )
    after = None if work.cursor is None else msgspec.convert(work.cursor, Place)
    armed: list[int] = []
    while True:
        found = await page_of_leads(
            flow.database, work.account_id, narrow, limit=GROUP, descending=False, after=after
        )
        if not found:
            break
        after = found[-1]
        moves = await _act(flow, work, todo.action, [place.lead_id for place in found], after)
        await follow(flow, moves, work.clock.now_ms())
        armed += moves.armed
    since_s = work.clock.monotonic_s()
    await until_in_force(flow, work.clock, armed, since_s=since_s, permit_s=work.settings.permit_s)


async def _act(flow: Flow, work: Work, action: Action, lead_ids: list[int], upto: Place) -> LeadMoves:
    """One group and the cursor behind it, in one transaction."""
    done, cursor = work.done + len(lead_ids), _plain(upto)

    async def group(on: Connection) -> LeadMoves:
        _, moves = await act(flow, work.account_id, action, lead_ids, work.clock.now_ms(), on)
        await work.advance(done, cursor=cursor, on=on)
        return moves

    try:
        return await in_transaction(flow.database, group)
    except LedgerRefused:
        if len(lead_ids) == 1:  # nobody foresaw it: the others go on
            await work.advance(done, cursor=cursor)
            return LeadMoves([], [], [])
        raise


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def _plain(place: Place) -> Any:
    """As JSON can hold it."""
    return msgspec.to_builtins(place)

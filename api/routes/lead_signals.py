"""Signs of life of leads, and the leads that wait for a person of ours."""

from __future__ import annotations

from datetime import timedelta

from api import views
from api.instants import sensible, utc, utc_ms, utc_or_none
from api.paging import listed, slice_of
from api.problems import invalid
from api.requests import ListQuery
from api.requests_leads import SignalIn
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_leads import Signal, WaitingLead
from scheduler.domain.time import MINUTE, SECOND
from scheduler.flow.signals import note_signal
from scheduler.ledger.instants import EPOCH, to_ms
from scheduler.ledger.leads import leads_by_id, waiting_leads
from scheduler.ledger.pages import Created, Slice

AHEAD_MS = 5 * MINUTE
"""Clocks of others may be so far ahead of ours."""


@route("POST", "/v1/leads/{id}/signals", scope="leads:write", answers=(201, 200))
async def tell_signal(call: Call, body: SignalIn) -> Reply[Signal]:
    """The lead has replied, clicked, called: its loop waits 48 hours for a person of ours.

    `opened` stops nothing. In force when it is answered. 201, or 200 for one that was told before.
    """
    lead_id, now_ms = call.id("lead"), call.deps.clock.now_ms()
    at_ms = now_ms if body.at is None else to_ms(body.at)
    if body.at is not None and (not sensible(body.at) or at_ms > now_ms + AHEAD_MS):
        raise invalid("/at", "out-of-range", "an instant from the year 2000 to now")
    settings = call.deps.settings
    noted = await note_signal(
        call.deps.flow,
        call.deps.clock,
        account_id=call.account_id,
        lead_id=lead_id,
        kind=body.kind,
        channel=body.channel,
        at_ms=at_ms,
        pause_ms=int(settings.signal_pause_s * SECOND),
        actor=call.actor,
        permit_s=settings.permit_s,
    )
    told_at = utc(EPOCH + timedelta(milliseconds=noted.created_at_ms))
    shown = Signal(
        id=call.ids.write("sig", noted.signal_id),
        object="signal",
        created_at=told_at,
        updated_at=told_at,
        lead_id=call.ids.write("lead", lead_id),
        kind=body.kind,
        channel=noted.channel,
        at=utc(EPOCH + timedelta(milliseconds=at_ms)),
        quiet_until_at=utc_ms(noted.quiet_until_ms),
    )
    return Reply(shown, status=201 if noted.added else 200)


@route("GET", "/v1/leads/waiting", scope="read")
async def list_waiting(call: Call, query: ListQuery) -> Reply[Page[WaitingLead]]:
    """Leads that wait for a person of ours: a sign of life to answer, a result to tell, a call put off.

    By the leads' age, oldest first unless `order=desc`.
    """
    database, now_ms = call.deps.flow.database, call.deps.clock.now_ms()
    rows = await waiting_leads(
        database,
        call.account_id,
        slice_of(call, query),
        now_ms=now_ms,
    )
    leads = await leads_by_id(database, call.account_id, [row["lead_id"] for row in rows])
    shown = {row["lead_id"]: views.lead(row, call.ids) for row in leads}
    rows = [row for row in rows if row["lead_id"] in shown]
    waiting = [
        WaitingLead(
            row["reason"], utc_or_none(row["since"]), utc_or_none(row["until"]), shown[row["lead_id"]]
        )
        for row in rows
    ]

    async def count(created: Created) -> int:
        return len(
            await waiting_leads(database, call.account_id, Slice(None, created=created), now_ms=now_ms)
        )

    return await listed(call, query, waiting, [row["lead_id"] for row in rows], count)


ROUTES = (list_waiting, tell_signal)

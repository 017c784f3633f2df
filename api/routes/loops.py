"""Loops: the follow-up of one lead, from its first attempt to its end."""

from __future__ import annotations

from typing import Literal

from api.coming import coming
from api.contact_filters import ids_of
from api.lead_targets import agent_named, cadence_named
from api.paging import listed, slice_of
from api.problems import Problem, invalid
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_contacts import LoopIn, LoopsQuery, ReasonIn, RescheduleIn
from api.schemas_loops import Loop
from api.views_loops import loop as shown_loop
from scheduler.flow.loop_change import begin_loop, change_loop
from scheduler.flow.loop_next import reschedule_next, skip_next
from scheduler.ledger import reads
from scheduler.ledger.contacts import LoopFilter, count_loops, loops_page
from scheduler.ledger.pages import Created


@route("GET", "/v1/loops", scope="read")
async def list_loops(call: Call, query: LoopsQuery) -> Reply[Page[Loop]]:
    """Loops, newest first unless `order=asc`."""
    database = call.deps.flow.database
    narrow = narrowed(call, query)
    found: list[int] = []
    if narrow is not None:
        found = await loops_page(
            database,
            call.account_id,
            slice_of(call, query),
            narrow,
        )

    async def count(created: Created) -> int:
        return 0 if narrow is None else await count_loops(database, call.account_id, narrow, created)

    rows = {row["loop_id"]: row for row in await reads.loops(database, call.account_id, found)}
    numbers = [number for number in found if number in rows]
    return await listed(call, query, [shown_loop(rows[n], call.ids) for n in numbers], numbers, count)


@route("GET", "/v1/loops/{id}", scope="read")
async def show(call: Call) -> Reply[Loop]:
    """One loop: where it stands and when it goes on."""
    return Reply(await _shown(call, call.id("loop")))


@route("POST", "/v1/loops", scope="leads:write")
async def begin(call: Call, body: LoopIn) -> Reply[Loop]:
    """Follow a lead up. 409 `loop-already-active` when somebody does."""
    flow, ids = call.deps.flow, call.ids
    lead_id = ids.read("lead", body.lead_id)
    if lead_id is None or not await reads.leads(flow.database, call.account_id, [lead_id]):
        raise invalid("/lead_id", "not-found", "no such lead in this account")
    agent_id = cadence_id = None
    if body.agent_id is not None:
        agent_id = await agent_named(flow, ids, call.account_id, body.agent_id)
    if body.cadence_id is not None:
        cadence_id = await cadence_named(flow, ids, call.account_id, body.cadence_id)
    loop_id = await begin_loop(
        flow,
        call.deps.clock,
        account_id=call.account_id,
        lead_id=lead_id,
        agent_id=agent_id,
        cadence_id=cadence_id,
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    made = await _shown(call, loop_id)
    return Reply(made, status=201, headers={"Location": f"/v1/loops/{made.id}"})


@route("POST", "/v1/loops/{id}/pause", scope="calls:write")
async def pause(call: Call, body: ReasonIn) -> Reply[Loop]:
    """Stop a loop until it is resumed; during a call 409 `lead-busy`."""
    return await _change(call, "pause", body.reason)


@route("POST", "/v1/loops/{id}/resume", scope="calls:write")
async def resume(call: Call, body: ReasonIn) -> Reply[Loop]:
    """Let a loop go on where it was; what comes next is planned from now."""
    return await _change(call, "resume", body.reason)


@route("POST", "/v1/loops/{id}/end", scope="calls:write")
async def end(call: Call, body: ReasonIn) -> Reply[Loop]:
    """End a loop for good, with `removed`. From the answer on nothing of it is dialled."""
    return await _change(call, "remove", body.reason)


@route("POST", "/v1/loops/{id}/skip", scope="calls:write")
async def skip(call: Call, body: ReasonIn) -> Reply[Loop]:
    """Leave out the next attempt: the loop goes on to the one after it. Each request skips one."""
    loop_id = call.id("loop")
    await skip_next(
        call.deps.flow,
        call.deps.clock,
        account_id=call.account_id,
        loop_id=loop_id,
        reason=body.reason,
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    return Reply(await _shown(call, loop_id))


@route("POST", "/v1/loops/{id}/reschedule", scope="calls:write")
async def reschedule(call: Call, body: RescheduleIn) -> Reply[Loop]:
    """Make the next attempt at `at`. 409 where law or caps forbid a call then, with the next time that they
    allow; our own hours move it to their next opening, `next_at` says so."""
    loop_id, at_ms = call.id("loop"), coming(body.at, call.deps.clock.now_ms())
    await reschedule_next(
        call.deps.flow,
        call.deps.clock,
        account_id=call.account_id,
        loop_id=loop_id,
        at_ms=at_ms,
        reason=body.reason,
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    return Reply(await _shown(call, loop_id))


async def _change(
    call: Call, change: Literal["pause", "resume", "remove"], reason: str | None
) -> Reply[Loop]:
    loop_id = call.id("loop")
    await change_loop(
        call.deps.flow,
        call.deps.clock,
        account_id=call.account_id,
        loop_id=loop_id,
        change=change,
        reason=reason,
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    return Reply(await _shown(call, loop_id))


async def _shown(call: Call, loop_id: int) -> Loop:
    rows = await reads.loops(call.deps.flow.database, call.account_id, [loop_id])
    if not rows:
        raise Problem("not-found", "no such loop")
    return shown_loop(rows[0], call.ids)


def narrowed(call: Call, query: LoopsQuery) -> LoopFilter | None:
    """None when no loop can match. A loop that waits for a person of ours is kept as one that waits for a
    callback of another kind."""
    asked = {
        "lead_ids": ids_of(call.ids, "lead", query.lead_id),
        "agent_ids": ids_of(call.ids, "agt", query.agent_id),
        "batch_ids": ids_of(call.ids, "bat", query.batch_id),
        "cadence_ids": ids_of(call.ids, "cad", query.cadence_id),
    }
    if [] in asked.values():
        return None
    statuses: list[str] | None = None
    for_somebody = None
    if query.status is not None:
        statuses = [str(one) for one in query.status]
        waits = {"awaiting_result", "waiting_callback"}.intersection(statuses)
        if waits == {"awaiting_result"}:
            statuses, for_somebody = [*statuses, "waiting_callback"], True
        elif waits == {"waiting_callback"}:
            for_somebody = False
    ended = None if query.end_reason is None else [str(one) for one in query.end_reason]
    return LoopFilter(**asked, statuses=statuses, for_somebody=for_somebody, end_reasons=ended)


ROUTES = (list_loops, show, begin, pause, resume, end, skip, reschedule)

"""Loops: the follow-up of one lead, from its first attempt to its end."""

from __future__ import annotations

from api.contact_filters import ids_of
from api.paging import listed, read_cursor
from api.problems import Problem
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_contacts import LoopsQuery
from api.schemas_loops import Loop
from api.views_loops import loop as shown_loop
from scheduler.ledger import reads
from scheduler.ledger.contacts import LoopFilter, count_loops, loops_page


@route("GET", "/v1/loops", scope="read")
async def list_loops(call: Call, query: LoopsQuery) -> Reply[Page[Loop]]:
    """Loops, newest first unless `order=asc`."""
    database = call.deps.flow.database
    narrow = _filter(call, query)
    found: list[int] = []
    if narrow is not None:
        found = await loops_page(
            database,
            call.account_id,
            narrow,
            after=read_cursor(call.ids, query.cursor),
            descending=query.order == "desc",
            limit=query.limit + 1,
        )

    async def count() -> int:
        return 0 if narrow is None else await count_loops(database, call.account_id, narrow)

    rows = {row["loop_id"]: row for row in await reads.loops(database, call.account_id, found)}
    numbers = [number for number in found if number in rows]
    return await listed(call, query, [shown_loop(rows[n], call.ids) for n in numbers], numbers, count)


@route("GET", "/v1/loops/{id}", scope="read")
async def show(call: Call) -> Reply[Loop]:
    """One loop: where it stands and when it goes on."""
    rows = await reads.loops(call.deps.flow.database, call.account_id, [call.id("loop")])
    if not rows:
        raise Problem("not-found", "no such loop")
    return Reply(shown_loop(rows[0], call.ids))


def _filter(call: Call, query: LoopsQuery) -> LoopFilter | None:
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
    return LoopFilter(**asked, statuses=statuses, for_somebody=for_somebody, end_reasons=query.end_reason)


ROUTES = (list_loops, show)

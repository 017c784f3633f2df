"""Calls that a person asks for."""

from __future__ import annotations

from datetime import timedelta

from api import views
from api.lead_targets import not_an_agent
from api.problems import invalid
from api.requests_leads import CallIn
from api.routing import Call, Reply, route
from api.schemas import Attempt
from scheduler.domain.numbers import BadNumber, normalize
from scheduler.errors import NotFound, WrongCallerId
from scheduler.flow.manual_call import call_now
from scheduler.ledger import reads
from scheduler.ledger.instants import EPOCH


@route("POST", "/v1/leads/{id}/call", scope="calls:write", answers=(202,))
async def call_lead(call: Call, body: CallIn) -> Reply[Attempt]:
    """Call a lead at once, past our own hours; never past an opt-out, a pause, a cap or a call under way.

    Beyond the law's hours only with `acknowledge_statutory` and a `reason`, and never into a closure. 202
    with the attempt as it is planned; who has no loop gets one that ends with the call, unless `enrol`. An
    attempt has no `id` before a dialer takes it up: `Location` is that of its loop until then.
    """
    database, lead_id = call.deps.flow.database, call.id("lead")
    await reads.lead(database, call.account_id, lead_id)
    agent_id = None if body.agent_id is None else call.ids.read("agt", body.agent_id)
    if body.agent_id is not None and agent_id is None:
        raise not_an_agent()
    try:
        await call_now(
            call.deps.flow,
            call.deps.clock,
            account_id=call.account_id,
            lead_id=lead_id,
            agent_id=agent_id,
            acknowledged=body.acknowledge_statutory,
            reason=body.reason,
            enrol=body.enrol,
            actor=call.actor,
            caller_id=None if body.caller_id is None else _number(call, body.caller_id),
        )
    except WrongCallerId as error:
        raise invalid("/caller_id", "not-found", error.what, hint=error.do) from None
    except NotFound:
        raise not_an_agent() from None
    row = await reads.lead(database, call.account_id, lead_id)
    now = EPOCH + timedelta(milliseconds=call.deps.clock.now_ms())
    planned = views.planned_attempt(row, call.ids, now)
    if planned is None:  # a dialer was faster than this answer
        attempts = await reads.lead_attempts(database, call.account_id, lead_id)
        planned = views.attempt(attempts[-1], views.zone_of(row), call.ids)
    where = f"/v1/loops/{planned.loop_id}" if planned.id is None else f"/v1/attempts/{planned.id}"
    return Reply(planned, status=202, headers={"Location": where})


def _number(call: Call, said: str) -> int | str:
    """A caller id by its id, or as a phone. Raises Problem 422."""
    number = call.ids.read("cid", said)
    if number is not None:
        return number
    try:
        return normalize(said)
    except BadNumber:
        raise invalid("/caller_id", "not-found", "no such caller id in this account") from None


ROUTES = (call_lead,)

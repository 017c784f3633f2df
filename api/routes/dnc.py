"""Who may never be called."""

from __future__ import annotations

from datetime import timedelta

from api import requests, schemas
from api.instants import utc
from api.problems import invalid
from api.routing import Call, Reply, route
from scheduler.domain.numbers import BadNumber, normalize
from scheduler.flow.entries import DETAILS
from scheduler.flow.opt_out import opt_out
from scheduler.ledger.instants import EPOCH


@route("POST", "/v1/dnc/entries", scope="compliance:write")
async def add_entry(call: Call, body: requests.DncIn) -> Reply[schemas.DncEntry]:
    """Never call this phone again. From the answer on nobody does: what was on its way is waited for or
    ended.
    """
    try:
        phone = normalize(body.phone)
    except BadNumber as error:
        raise invalid("/phone", error.code, DETAILS[error.code]) from None
    done = await opt_out(
        call.deps.flow,
        call.deps.clock,
        call.deps.hang_up,
        account_id=call.account_id,
        phone=phone,
        reason=body.reason,
        source="api",
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    entry = schemas.DncEntry(
        id=call.ids.digest("dnc", call.account_id, phone),
        object="dnc_entry",
        created_at=_utc(done.created_at_ms),
        phone=phone,
        reason=done.reason,
        source=done.source,
        effective_at=_utc(call.deps.clock.now_ms()),
    )
    return Reply(entry, status=201 if done.added else 200)


def _utc(at_ms: int) -> str:
    return utc(EPOCH + timedelta(milliseconds=at_ms))


ROUTES = (add_entry,)

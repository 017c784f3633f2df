"""The wheel: how much waits, where and why, and what is due when."""

from __future__ import annotations

from datetime import datetime

from api import requests, views_wheel
from api.instants import sensible
from api.problems import FieldError, Problem
from api.routing import Call, Reply, route
from api.schemas_wheel import Wheel, WheelSlots
from scheduler.domain.time import DAY, SECOND, Ms
from scheduler.insight.ledger_counts import read_slots
from scheduler.ledger.instants import to_ms

MOST_SLOTS = 2000
"""More than a screen has columns."""


@route("GET", "/v1/wheel", scope="read")
async def show_wheel(call: Call, query: requests.WheelQuery) -> Reply[Wheel]:
    """What of the account waits on the wheel and why, what is under way, and how late it is."""
    view = await call.deps.wheel_viewer.look(call.account_id, lanes=query.lanes)
    return Reply(views_wheel.wheel(view, call.ids, clock_speed=call.deps.clock.speed))


@route("GET", "/v1/wheel/slots", scope="read")
async def show_slots(call: Call, query: requests.SlotsQuery) -> Reply[WheelSlots]:
    """How many of the account's calls are due in each stretch of time, by class."""
    from_ms = call.deps.clock.now_ms() if query.from_ is None else _instant("from", query.from_)
    until_ms = from_ms + DAY if query.to is None else _instant("to", query.to)
    length_ms = query.bucket_s * SECOND
    if until_ms <= from_ms:
        raise _refused("to", "the end must come after the beginning")
    if until_ms - from_ms > MOST_SLOTS * length_ms:
        raise _refused("bucket_s", f"that makes more than {MOST_SLOTS} buckets")
    slots = await read_slots(
        call.deps.flow.database, call.account_id, from_ms=from_ms, until_ms=until_ms, length_ms=length_ms
    )
    return Reply(views_wheel.wheel_slots(slots))


def _instant(name: str, at: datetime) -> Ms:
    if not sensible(at):
        raise _refused(name, "that is no instant of these times")
    return to_ms(at)


def _refused(parameter: str, detail: str) -> Problem:
    return Problem(
        "validation-failed",
        f"{parameter}: {detail}",
        errors=(FieldError("invalid", detail, parameter=parameter),),
    )


ROUTES = (show_wheel, show_slots)

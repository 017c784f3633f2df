"""Dialing settings of an agent: what is stated, checked against each other."""

from __future__ import annotations

from typing import Any

import msgspec

from api.problems import FieldError, Problem, invalid
from api.routing import Call
from api.schemas_agents import AutoDialerIn
from api.views_settings import auto_dialer
from scheduler.flow.policies import AutoDialer, limits_of
from scheduler.ledger import cadences
from scheduler.ledger.database import Connection

LIMITS = ("max_attempts", "max_retry_days")


async def merged(call: Call, on: Connection, before: AutoDialer | None, said: AutoDialerIn) -> AutoDialer:
    """The settings as they are, or by default, with what is said. A limit that is stated stands beside the
    other as it was in force; limits that nobody ever stated follow the strategy, also when they are sent back
    as they were shown.

    Raises Problem 422: `stop-condition-required`, or a cadence that is missing or none of the account's; 409
    for one that is archived.
    """
    changes: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(said).items() if value is not msgspec.UNSET
    }
    if before is not None:
        shown = auto_dialer(before, call.ids)
        stays = changes.get("strategy", before.strategy) == before.strategy
        changes = {
            name: value
            for name, value in changes.items()
            if value != getattr(shown, name) or (name in LIMITS and not stays)
        }
    before = before or AutoDialer()
    limited = [name for name in LIMITS if name in changes]
    if "intervals_s" in changes:
        changes["intervals_s"] = tuple(changes["intervals_s"])
    if "cadence_id" in changes:
        changes["cadence_id"] = await _cadence(call, on, changes["cadence_id"])
    after = msgspec.structs.replace(before, **{k: v for k, v in changes.items() if k not in LIMITS})
    if limited:
        in_force = dict(zip(LIMITS, limits_of(after), strict=True))
        limits = in_force | {name: changes[name] for name in limited}
        after = msgspec.structs.replace(after, **limits)
    if after.strategy == "cadence" and after.cadence_id is None:
        raise invalid("/auto_dialer/cadence_id", "required", "this strategy needs a cadence")
    endless = after.strategy != "cadence" and after.max_attempts is None and after.max_retry_days is None
    if limited and endless:
        raise Problem(
            "stop-condition-required",
            hint="set max_attempts, max_retry_days or both",
            errors=tuple(
                FieldError("required", "one of the two must be a number", pointer=f"/auto_dialer/{name}")
                for name in limited
            ),
        )
    return after


async def _cadence(call: Call, on: Connection, said: str | None) -> int | None:
    if said is None:
        return None
    number = call.ids.read("cad", said)
    found = None
    if number is not None:
        found = await cadences.current(call.deps.flow.database, call.account_id, number, on)
    if found is None:
        raise invalid("/auto_dialer/cadence_id", "not-found", "no such cadence in this account")
    if found[0] != "active":
        raise Problem(
            "cadence-not-active", f"the cadence is {found[0]}", hint="publish and activate it first"
        )
    return number

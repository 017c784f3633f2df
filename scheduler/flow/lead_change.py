"""A change of one lead, in force when it is answered: written, planned anew, and waited for."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from scheduler.clock import Clock
from scheduler.domain.numbers import place_of
from scheduler.domain.places import combine, is_nobodys
from scheduler.domain.time import Ms
from scheduler.errors import NotFound, Refused, UnknownRegion
from scheduler.flow.context import Flow
from scheduler.flow.enrol_known import Change, as_it_is
from scheduler.flow.keys import lead_key
from scheduler.flow.lead_moves import WAITING, LeadMoves, follow, note_moves, until_in_force
from scheduler.flow.throttle import pace_of
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.news import tell, tell_ended

PLANNED_BY = frozenset(
    {
        *("phone", "place_id", "priority", "appointment_at_ms", "consent", "tags", "variables"),
        "agent_id",
        "batch_id",
    }
)
"""What a plan may rest on: a change raises the lead's version, so that the arm refuses the plan of before."""

TOLD = frozenset({"priority", "agent_id", "batch_id", "timezone", "region", "tags"})
"""What the audit log tells the values of. The others are the person's own: only that they changed."""


class LeadEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change. `phone` is E.164; `consent` and `variables` are JSON; None takes away."""

    phone: str | UnsetType = UNSET
    external_id: str | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    timezone: str | UnsetType | None = UNSET
    region: str | UnsetType | None = UNSET
    priority: str | UnsetType = UNSET
    appointment_at_ms: Ms | UnsetType | None = UNSET
    consent: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    variables: str | UnsetType = UNSET
    agent_id: int | UnsetType | None = UNSET
    batch_id: int | UnsetType | None = UNSET


async def change_lead(
    flow: Flow,
    clock: Clock,
    *,
    account_id: int,
    lead_id: int,
    edit: LeadEdit,
    actor: Actor,
    permit_s: float,
) -> None:
    """Change a lead, whose agent and batch are the account's; what it says already changes nothing.

    A loop that waits follows to another agent or batch; without an agent it ends. Raises NotFound,
    UnknownZone, UnknownRegion, and Refused: `state-conflict` for a phone or an external id of another lead,
    or a canceled batch, `dnc-blocked` for a phone that may not be called, `lead-busy` for another agent
    during a call.
    """
    now_ms = clock.now_ms()

    async def work(on: Connection) -> LeadMoves | None:
        before = await locked_lead(flow, account_id, lead_id, on)
        after = await _edited(flow, before, edit)
        names = [name for name in Change.__struct_fields__ if getattr(after, name) != getattr(before, name)]
        if not names:
            return None
        await _refuse_taken(flow, account_id, before, after, on)
        planned = not PLANNED_BY.isdisjoint(names)
        after.version += planned
        columns = ([value] for value in msgspec.structs.astuple(after))
        await flow.database.execute("enrol_update", *columns, to_datetime(now_ms), on=on)
        moves = await _move_loop(flow, before, after, now_ms, on) if planned else None
        batch_ids = [after.batch_id] if after.batch_id else []
        await tell(
            flow.database,
            "lead.updated",
            account_id,
            ids=[lead_id],
            batch_ids=batch_ids,
            at_ms=now_ms,
            on=on,
        )
        await write_audit(
            flow.database,
            on,
            account_id=account_id,
            actor=actor,
            action="lead_changed",
            object_=f"lead:{lead_id}",
            before=_told(before, names),
            after=_told(after, names),
            now_ms=now_ms,
        )
        return moves

    moves = await in_transaction(flow.database, work)
    if moves is not None:
        since_s = clock.monotonic_s()
        await follow(flow, moves, now_ms)
        await until_in_force(flow, clock, moves.armed, since_s=since_s, permit_s=permit_s)


async def locked_lead(flow: Flow, account_id: int, lead_id: int, on: Connection) -> Change:
    """The lead as it is, locked until the end of the transaction. Raises NotFound."""
    if await flow.database.fetch_row("lead_lock", account_id, lead_id, on=on) is None:
        raise NotFound("no such lead")
    [row] = await flow.database.fetch("enrol_read", [lead_id], on=on)
    return as_it_is(row)


async def _edited(flow: Flow, before: Change, edit: LeadEdit) -> Change:
    said = {name: getattr(edit, name) for name in edit.__struct_fields__}
    said = {name: value for name, value in said.items() if value is not UNSET}
    if "tags" in said:
        said["tags"] = "\x1f".join(said["tags"])
    if "variables" in said and msgspec.json.decode(said["variables"]) == msgspec.json.decode(
        before.variables
    ):
        del said["variables"]
    after: Change = msgspec.structs.replace(before, **said)
    where = (after.phone, after.timezone, after.region)
    if where != (before.phone, before.timezone, before.region):
        number = place_of(after.phone)
        if after.region != before.region and is_nobodys(after.region, number):
            raise UnknownRegion("no region whose calling hours are known")
        place = combine(number, after.timezone, after.region)
        after.place_id = await flow.places.id_of(place)
    return after


async def _refuse_taken(flow: Flow, account_id: int, before: Change, after: Change, on: Connection) -> None:
    phone = after.phone if after.phone != before.phone else None
    external_id = after.external_id if after.external_id != before.external_id else None
    if phone is None and external_id is None:
        return
    mark = None if phone is None else lead_key(flow.phone_key, None, phone)
    found = await flow.database.fetch_row(
        "lead_taken", account_id, before.lead_id, phone, external_id, mark, on=on
    )
    assert found is not None
    if found["suppressed"]:
        raise Refused("dnc-blocked", "the new phone is on the account's suppression list")
    for taken, what in (("phone_taken", "phone"), ("external_id_taken", "external id")):
        if found[taken]:
            raise Refused(
                "state-conflict",
                f"the {what} is another lead's",
                "each is of one lead",
                "change that one first",
            )


async def _move_loop(flow: Flow, before: Change, after: Change, now_ms: Ms, on: Connection) -> LeadMoves:
    """The lead's loop, if it has one, under what holds now."""
    loops = await flow.database.fetch("lead_loops", [before.lead_id], on=on)
    elsewhere = (after.agent_id, after.batch_id) != (before.agent_id, before.batch_id)
    if loops and elsewhere:
        [loop] = loops
        if after.agent_id is None:
            now = to_datetime(now_ms)
            await flow.database.fetch("lead_end_loops", [before.lead_id], "removed", "closed", now, on=on)
            await tell_ended(flow.database, [row["loop_id"] for row in loops], now_ms, on)
        else:
            await _move_to(flow, loop, after.agent_id, after.batch_id or 0, on)
    replanned = [
        loop["loop_id"] for loop in loops if loop["status"] in WAITING and after.agent_id is not None
    ]
    return await note_moves(flow, loops, now_ms, on, replanned=replanned)


async def _move_to(flow: Flow, loop: Row, agent_id: int, batch_id: int, on: Connection) -> None:
    if (loop["agent_id"], loop["batch_id"]) == (agent_id, batch_id):
        return
    if loop["status"] == "dialing":
        raise Refused(
            "lead-busy",
            "a call to the lead is under way",
            "it is its agent's until it has ended",
            "change the agent or the batch when the call is over",
        )
    if batch_id and batch_id != loop["batch_id"]:
        await pace_of(flow, batch_id, on)
    await flow.database.execute("lead_loop_move", loop["loop_id"], agent_id, batch_id, on=on)


def _told(change: Change, names: list[str]) -> dict[str, Any]:
    return {name: getattr(change, name) if name in TOLD else None for name in names if name != "version"}

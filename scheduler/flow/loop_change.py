"""A single loop stopped, started again, ended, or begun; in force when it is answered."""

from __future__ import annotations

from typing import Literal

from scheduler.clock import Clock
from scheduler.errors import NotFound, Refused
from scheduler.flow.context import Flow
from scheduler.flow.lead_actions import Action, act, check_action
from scheduler.flow.lead_change import locked_lead
from scheduler.flow.lead_moves import LeadMoves, in_force
from scheduler.ledger import reads
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection

DONE = {"pause": "loop_paused", "resume": "loop_resumed", "remove": "loop_ended"}
THERE: dict[str, tuple[str, ...]] = {
    "pause": ("paused",),
    "resume": ("scheduled", "waiting_callback", "dialing"),
}
"""States in which a change has nothing left to do."""


async def change_loop(
    flow: Flow,
    clock: Clock,
    *,
    account_id: int,
    loop_id: int,
    change: Literal["pause", "resume", "remove"],
    reason: str | None,
    actor: Actor,
    permit_s: float,
) -> None:
    """Again changes nothing. A call under way ends by itself; `remove` ends the loop all the same.

    Raises NotFound; Refused: `lead-busy` for a pause during a call, `state-conflict` for a loop that is over.
    """
    now_ms = clock.now_ms()
    found = await reads.loops(flow.database, account_id, [loop_id])
    if not found:
        raise NotFound("no such loop")
    lead_id = found[0]["lead_id"]

    async def work(on: Connection) -> LeadMoves | None:
        await locked_lead(flow, account_id, lead_id, on)
        loops = await flow.database.fetch("lead_loops", [lead_id], on=on)
        before = next((row["status"] for row in loops if row["loop_id"] == loop_id), "ended")
        if before == "ended":
            if change == "remove":
                return None
            raise Refused("state-conflict", "the loop is over", do="begin a new one: POST /v1/loops")
        if before in THERE.get(change, ()):
            return None
        changed, moves = await act(flow, account_id, Action(change), [lead_id], now_ms, on)
        if not changed:
            raise Refused("lead-busy", "a call to the lead is under way", do="try again when it is over")
        await write_audit(
            flow.database,
            on,
            account_id=account_id,
            actor=actor,
            action=DONE[change],
            object_=f"loop:{loop_id}",
            before={"status": before},
            after={"reason": reason},
            now_ms=now_ms,
        )
        return moves

    await in_force(flow, clock, await in_transaction(flow.database, work), permit_s)


async def begin_loop(
    flow: Flow,
    clock: Clock,
    *,
    account_id: int,
    lead_id: int,
    agent_id: int | None,
    cadence_id: int | None,
    actor: Actor,
    permit_s: float,
) -> int:
    """Follow a lead up, by `agent_id` or else its own agent; answers the loop.

    Raises NotFound for the lead or the agent; Refused: `loop-already-active`, `dnc-blocked`,
    `consent-missing`, `cadence-not-active`, `validation-failed` without an agent.
    """
    now_ms = clock.now_ms()

    async def work(on: Connection) -> tuple[int, LeadMoves]:
        lead = await locked_lead(flow, account_id, lead_id, on)
        caller = agent_id or lead.agent_id
        if caller is None:
            raise Refused(
                "validation-failed", "no agent calls this lead", do="say which", pointer="/agent_id"
            )
        if await flow.database.fetch("lead_loops", [lead_id], on=on):
            raise Refused("loop-already-active", "the lead is followed up already", do="end that loop first")
        action = Action("enrol", agent_id=caller, cadence_id=cadence_id)
        await check_action(flow, account_id, action)
        changed, moves = await act(flow, account_id, action, [lead_id], now_ms, on)
        if not changed:
            known = await reads.lead(flow.database, account_id, lead_id)
            if known["status"] == "opted_out":
                raise Refused("dnc-blocked", "the lead asked not to be called")
            raise Refused("consent-missing", "the lead has not agreed to be called", do="record its consent")
        loops = await flow.database.fetch("lead_loops", [lead_id], on=on)
        if not loops:
            raise Refused("no-callable-time", "the loop would be over at once", "nobody could be called")
        await write_audit(
            flow.database,
            on,
            account_id=account_id,
            actor=actor,
            action="loop_begun",
            object_=f"loop:{loops[0]['loop_id']}",
            before=None,
            after={"lead_id": lead_id, "agent_id": caller, "cadence_id": cadence_id},
            now_ms=now_ms,
        )
        return loops[0]["loop_id"], moves

    loop_id, moves = await in_transaction(flow.database, work)
    await in_force(flow, clock, moves, permit_s)
    return loop_id

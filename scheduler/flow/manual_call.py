"""A call that a person of ours asks for: the next attempt of the lead's loop, at once, the ordinary way.

It is claimed, armed and gated like any other, on a lane whose place is nowhere: our own hours do not close
it, and the law's were looked at before. What was planned is planned anew when the call is over.
"""

from __future__ import annotations

from scheduler.clock import Clock
from scheduler.domain.consent import expires_ms
from scheduler.domain.manual import Allowed, Forbidden, ManualCall, may_call
from scheduler.domain.model import LaneClass, Lead, Place, Priority, Why
from scheduler.domain.time import Ms
from scheduler.errors import NotFound, Refused
from scheduler.flow.caller_ids import asked_caller_id
from scheduler.flow.context import Flow
from scheduler.flow.facts import encode_why
from scheduler.flow.lanes import LaneKey, LaneRef
from scheduler.flow.lead_change import locked_lead
from scheduler.flow.lead_moves import WAITING, LeadMoves, follow
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime, to_ms_tuple
from scheduler.ledger.news import tell
from scheduler.wheel import Placing

NOWHERE = Place((), (), (), "unknown")
"""Of lanes that never open by any calendar: such a lane stays open, and the arm decides."""


async def call_now(
    flow: Flow,
    clock: Clock,
    *,
    account_id: int,
    lead_id: int,
    agent_id: int | None,
    acknowledged: bool,
    reason: str,
    enrol: bool,
    actor: Actor,
    caller_id: int | str | None = None,
) -> int:
    """Have a lead called at once by `agent_id`, or by whom it is followed up; answers its loop. `caller_id`:
    the number that it is to show, by its id or as a phone.

    Without a loop it gets one that ends with the call, unless `enrol`: then the call is its first attempt.
    Again before the call has begun changes nothing much. Raises NotFound for lead or agent; Refused with the
    code of what forbids it (`dnc-blocked`, `lead-busy`, `dialing-paused`, `consent-missing`, `frequency-cap`,
    `outside-statutory-hours`), `state-conflict` for a loop that is paused, or `validation-failed` without an
    agent; those of `asked_caller_id`.
    """
    now_ms = clock.now_ms()

    async def work(on: Connection) -> tuple[int, LeadMoves]:
        lead = await locked_lead(flow, account_id, lead_id, on)
        loops = await flow.database.fetch("lead_loops", [lead_id], on=on)
        loop = loops[0] if loops else None
        caller = agent_id or (lead.agent_id if loop is None else loop["agent_id"])
        if caller is None:
            raise Refused(
                "validation-failed", "no agent calls this lead", do="say which", pointer="/agent_id"
            )
        verdict, facts = await _verdict(
            flow, account_id, lead_id, caller, loop, acknowledged, reason, now_ms, on
        )
        number = None
        if caller_id is not None:
            number = await asked_caller_id(flow, account_id, caller, caller_id, now_ms, on)
        batch_id = 0 if loop is None else loop["batch_id"]
        lane = await _lane(flow, caller, batch_id, now_ms)
        common = (to_datetime(now_ms), to_datetime(verdict.open_until_ms), encode_why(verdict.why))
        if loop is None:
            row = await flow.database.fetch_row(
                "lead_call_begin", account_id, lead_id, caller, lane.lane_id, *common,
                facts["policy_version"], not enrol, number, on=on,
            )  # fmt: skip
        else:
            row = await flow.database.fetch_row(
                "lead_call_now",
                loop["loop_id"],
                caller,
                lane.lane_id,
                *common,
                facts["policy_version"],
                number,
                on=on,
            )
        if row is None:
            raise Refused(
                "state-conflict", "the lead's loop is paused", "somebody stopped it", "resume the loop first"
            )
        if loop is not None or enrol:
            await flow.database.execute("lead_follow", lead_id, caller, to_datetime(now_ms), on=on)
        await tell(
            flow.database,
            "loop.started" if loop is None else "loop.rescheduled",
            account_id,
            ids=[row["loop_id"]],
            lead_ids=[lead_id],
            batch_ids=[batch_id] if batch_id else [],
            at_ms=now_ms,
            on=on,
        )
        await write_audit(
            flow.database,
            on,
            account_id=account_id,
            actor=actor,
            action="call_asked_for",
            object_=f"lead:{lead_id}",
            before=None,
            after={
                "agent_id": caller,
                "reason": reason,
                "beyond_law": verdict.beyond_law,
                "caller_id_id": number,
            },
            now_ms=now_ms,
        )
        moves = LeadMoves([], [Placing(lane.shard, lane.lane_id, row["loop_id"], now_ms)], [])
        if loop is not None and loop["status"] in WAITING and loop["lane_id"] != lane.lane_id:
            moves.leaving.append((loop["shard"], loop["lane_id"], loop["loop_id"]))
        return row["loop_id"], moves

    loop_id, moves = await in_transaction(flow.database, work)
    await follow(flow, moves, now_ms)
    return loop_id


async def _verdict(
    flow: Flow,
    account_id: int,
    lead_id: int,
    agent_id: int,
    loop: Row | None,
    acknowledged: bool,
    reason: str,
    now_ms: Ms,
    on: Connection,
) -> tuple[Allowed, Row]:
    """That the call may be made, with what was looked at. Raises NotFound, Refused."""
    agent = await flow.policies.of_agent(agent_id, on)
    if agent.account_id != account_id:
        raise NotFound("no such agent")
    batch_id = 0 if loop is None else loop["batch_id"]
    facts = await flow.database.fetch_row(
        "lead_call_facts", account_id, lead_id, agent_id, batch_id, to_datetime(now_ms), on=on
    )
    [row] = await flow.database.fetch("enrol_read", [lead_id], on=on)
    if facts is None:
        raise NotFound("no such agent")
    lead = Lead(
        key=flow.lead_key(row["external_id"], row["phone"]),
        place=await flow.places.get(row["place_id"]),
        priority=Priority(row["priority"]),
        contacts=to_ms_tuple(row["contacts"]),
        consent=row["consent"] is not None,
        consent_until_ms=expires_ms(row["consent"]),
    )
    asked = ManualCall(facts["suppressed"], facts["in_call"], facts["paused"], acknowledged, reason)
    verdict = may_call(agent.policy, lead, asked, now_ms)
    if isinstance(verdict, Forbidden):
        raise Refused(verdict.code, _words(verdict.why))
    return verdict, facts


async def _lane(flow: Flow, agent_id: int, batch_id: int, now_ms: Ms) -> LaneRef:
    key = LaneKey(agent_id, LaneClass.LIVE, batch_id, await flow.places.id_of(NOWHERE))
    return (await flow.lanes.ensure([key], now_ms))[key]


def _words(why: tuple[Why, ...]) -> str:
    return "; ".join(line.detail for line in why if line.effect == "blocked")

"""Rows of the ledger as the values the planner takes, and its answers as columns."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from scheduler.domain.consent import expires_ms
from scheduler.domain.model import (
    Asked,
    AskedFor,
    AttemptKind,
    Ended,
    EndReason,
    Lead,
    LoopStatus,
    Outcome,
    Place,
    Plan,
    Planned,
    Priority,
    Result,
    Touch,
    Waiting,
    Why,
)
from scheduler.domain.model import Loop as LoopFacts
from scheduler.domain.time import Ms
from scheduler.domain.variables import read_variables
from scheduler.flow.context import Flow
from scheduler.flow.lanes import LaneKey
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms, to_ms_or_none, to_ms_tuple

LEAD_STATUS_AT_END = {
    EndReason.REACHED: "reached",
    EndReason.CONVERTED: "converted",
    EndReason.DNC: "opted_out",
    EndReason.MAX_ATTEMPTS: "exhausted",
    EndReason.MAX_RETRY_DAYS: "exhausted",
    EndReason.CADENCE_COMPLETE: "exhausted",
    EndReason.NO_CALLABLE_TIME: "exhausted",
    EndReason.CONSECUTIVE_ERRORS: "unreachable",
    EndReason.INVALID_NUMBER: "unreachable",
}
"""Any other reason closes the lead."""

_PRIORITIES: dict[str, Priority] = {priority.value: priority for priority in Priority}
_encode = msgspec.json.Encoder().encode
_trail = msgspec.json.Decoder(tuple[Touch, ...]).decode


class NextRow(msgspec.Struct, frozen=True, gc=False):
    """A plan as the loop's columns, instants in ms. `lane`: where it waits; None once it is over. `lines`: of
    its `why[]`. `hands_to`: the cadence that the lead goes over to, and from when on."""

    status: str
    lead_status: str
    next_at_ms: Ms | None
    open_until_ms: Ms | None
    kind: str | None
    step: int | None
    channel: str | None
    lines: tuple[Why, ...]
    end_reason: str | None
    lane: LaneKey | None
    run: int | None = None
    hands_to: tuple[int, Ms] | None = None

    @property
    def why(self) -> str:
        """Encoded when it is asked for: most of what is planned anew stays as it is."""
        return encode_why(self.lines)


Facts: TypeAlias = tuple[LoopFacts, Lead]


def loop_facts(row: Row, begun_ms: Ms | None = None) -> LoopFacts:
    """The loop as the planner takes it, begun when its row says or at `begun_ms`. A loop in a cadence is in
    the run of its last attempt; its row holds that of the next one."""
    trail = read_trail(row["trail"])
    return LoopFacts(
        started_at_ms=to_ms(row["started_at"]) if begun_ms is None else begun_ms,
        run=trail[-1].run if trail else row["run"],
        step=row["step"],
        history=to_ms_tuple(row["history"] or ()),
        consecutive_errors=row["consecutive_errors"],
        postponed=row["postponed"],
        blocked=row["blocked"],
        trail=trail,
        once=row["once"],
        asked=None if row["asked"] is None else Asked(AskedFor(row["asked"]), to_ms_or_none(row["asked_at"])),
    )


def lead_facts(flow: Flow, row: Row, place: Place) -> Lead:
    return Lead(
        key=flow.lead_key(row["external_id"], row["phone"]),
        place=place,
        priority=_PRIORITIES[row["priority"]],
        contacts=to_ms_tuple(row["contacts"] or ()),
        consent=row["consent_said"] is not None,
        appointment_at_ms=to_ms_or_none(row["appointment_at"]),
        tags=tuple(row["tags"] or ()),
        variables={} if row["variables"] is None else read_variables(row["variables"]),
        quiet_until_ms=to_ms_or_none(row["quiet_until"]),
        consent_until_ms=expires_ms(row["consent_said"]),
    )


def last_result(row: Row) -> Result | None:
    """How the loop's last attempt ended, from a row of `replan_read`; None before the first."""
    if row["outcome"] is None:
        return None
    return Result(
        outcome=Outcome(row["outcome"]),
        ended_at_ms=to_ms(row["ended_at"]),
        kind=AttemptKind(row["kind"]),
        disposition=row["disposition"],
        callback_at_ms=to_ms_or_none(row["callback_at"]),
        error=row["error"],
    )


def read_trail(encoded: str | None) -> tuple[Touch, ...]:
    return () if encoded is None else _trail(encoded)


def encode_trail(trail: tuple[Touch, ...]) -> str | None:
    return _encode(trail).decode() if trail else None


def encode_why(why: tuple[Why, ...]) -> str:
    return _encode(why).decode()


def next_row(plan: Plan, agent_id: int, batch_id: int, place_id: int) -> NextRow:
    """The columns that `plan` writes into its loop and its lead. What waits for a person has the time when
    it goes on by itself, so that no loop is left lying."""
    waits = isinstance(plan, Waiting)
    if isinstance(plan, Waiting) and plan.then is not None:
        plan = plan.then
    if isinstance(plan, Planned):
        callback = waits or plan.kind is AttemptKind.CALLBACK
        return NextRow(
            status=LoopStatus.WAITING_CALLBACK if callback else LoopStatus.SCHEDULED,
            lead_status="active",
            next_at_ms=plan.at_ms,
            open_until_ms=plan.open_until_ms,
            kind=plan.kind,
            step=plan.step,
            channel=plan.channel,
            lines=plan.why,
            end_reason=None,
            lane=LaneKey(agent_id, plan.lane_class, batch_id, place_id),
            run=plan.run,
        )
    if isinstance(plan, Ended):
        return NextRow(
            status=LoopStatus.ENDED,
            lead_status=LEAD_STATUS_AT_END.get(plan.reason, "closed"),
            next_at_ms=None,
            open_until_ms=None,
            kind=None,
            step=None,
            channel=None,
            lines=plan.why,
            end_reason=plan.reason,
            lane=None,
            hands_to=None
            if plan.next_start_at_ms is None
            else (int(plan.next_cadence_id), plan.next_start_at_ms),
        )
    return NextRow(
        status=LoopStatus.AWAITING_RESULT,
        lead_status="active",
        next_at_ms=None,
        open_until_ms=None,
        kind=None,
        step=None,
        channel=None,
        lines=plan.why,
        end_reason=None,
        lane=None,
    )

"""The values that enrolment passes between its steps, and the loops that both new and known leads start."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.domain.model import EndReason, LaneClass
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.drafts import Drafts, LoopColumns
from scheduler.flow.facts import LEAD_STATUS_AT_END
from scheduler.flow.lanes import LaneRef
from scheduler.flow.terms import Target
from scheduler.flow.throttle import Pace
from scheduler.ledger.database import Connection
from scheduler.ledger.instants import to_datetime
from scheduler.wheel import Placing


class Prepared(msgspec.Struct):
    """Drafts with their places and, row by row, their lanes known to the ledger.

    `pace`: their batch's, when they were drafted. `room`: how many of them may be put on the wheel at once,
    where a pace limits that. `outdated`: the batch had another pace when they were written.
    """

    drafts: Drafts
    place_ids: list[int]
    lanes: list[LaneRef]
    pace: Pace | None = None
    room: int | None = None
    outdated: bool = False


class Enrolled(msgspec.Struct, frozen=True):
    """What became of one entry. `action`: created, updated, unchanged, duplicate (of an earlier entry in the
    same call), suppressed or rejected; the last three have a row `code` and a `detail`. `loop_id` and
    `next_at_ms` are those of the active loop."""

    action: str
    lead_id: int | None = None
    loop_id: int | None = None
    next_at_ms: Ms | None = None
    code: str = ""
    detail: str = ""


DUPLICATE = Enrolled("duplicate", code="duplicate-in-file", detail="the same lead as an earlier row")
SUPPRESSED = Enrolled(
    "suppressed", code="suppressed", detail="the number is on the list of those not to be called"
)

WITHOUT_CONSENT = Enrolled(
    "rejected", code="consent-missing", detail="the lead has not agreed to calls by an artificial voice"
)

_STATUS_AT_END = {reason.value: status for reason, status in LEAD_STATUS_AT_END.items()}


def lacks_consent(drafts: Drafts) -> list[bool]:
    """Row by row, whether nobody may call the lead for want of consent, as far as the row says."""
    if drafts.loops is None:
        return [False] * len(drafts)
    return [reason == EndReason.CONSENT_MISSING for reason in drafts.loops.end_reasons]


def lead_status(end_reason: str | None) -> str:
    """What a lead is whose loop was just started."""
    return "active" if end_reason is None else _STATUS_AT_END.get(end_reason, "closed")


async def start_loops(
    flow: Flow,
    target: Target,
    drafts: Drafts,
    loops: LoopColumns,
    lead_ids: Sequence[int],
    lead_versions: Sequence[int],
    lanes: Sequence[LaneRef],
    room: int | None,
    on: Connection,
) -> tuple[dict[int, int], list[Placing]]:
    """Insert first loops; answers their ids by lead, and what belongs on the wheel: what is due within the
    horizon, of the bulk of a paced batch `room` loops at most. The rest of that is held back."""
    near = [at_ms is not None and flow.within_horizon(at_ms, drafts.now_ms) for at_ms in loops.next_ats_ms]
    held = [False] * len(near) if room is None else _held(loops, near, room)
    rows = await flow.database.fetch(
        "enrol_loops",
        target.account_id,
        target.agent_id,
        target.batch_id,
        drafts.policy_version,
        to_datetime(drafts.now_ms),
        lead_ids,
        lead_versions,
        [lane.lane_id for lane in lanes],
        loops.next_ats_ms,
        loops.open_untils_ms,
        loops.kinds,
        loops.steps,
        loops.channels,
        loops.whys,
        loops.end_reasons,
        held,
        *(drafts.follows or (None, None)),
        target.cadence_id is not None,
        on=on,
    )
    by_lead: dict[int, int] = {row["lead_id"]: row["loop_id"] for row in rows}
    placings = [
        Placing(lane.shard, lane.lane_id, by_lead[lead_id], at_ms, 0)
        for at_ms, lead_id, lane, is_near, is_held in zip(
            loops.next_ats_ms, lead_ids, lanes, near, held, strict=True
        )
        if at_ms is not None and is_near and not is_held
    ]
    return by_lead, placings


def _held(loops: LoopColumns, near: Sequence[bool], room: int) -> list[bool]:
    """Which of them are kept off the wheel, the first `room` of the near ones excepted."""
    held = []
    for at_ms, lane_class, is_near in zip(loops.next_ats_ms, loops.lane_classes, near, strict=True):
        bulk = at_ms is not None and lane_class == LaneClass.BULK
        goes = bulk and is_near and room > 0
        room -= goes
        held.append(bulk and not goes)
    return held

"""What was seen in the wheel, as objects of the API."""

from __future__ import annotations

import msgspec

from api.instants import utc_ms
from api.schemas_wheel import (
    DialRates,
    DispatchLag,
    DueSoon,
    Wheel,
    WheelClass,
    WheelGate,
    WheelLane,
    WheelShard,
    WheelSlot,
    WheelSlots,
    WhyWaiting,
)
from scheduler.domain.time import Ms
from scheduler.insight.ledger_counts import Slots
from scheduler.insight.waiting import Reasons
from scheduler.insight.wheel_view import LaneView, WheelView
from scheduler.public_ids import PublicIds
from scheduler.wheel.looking import GateNow

_GATES = {
    "a": ("account", "acc"),
    "g": ("agent", "agt"),
    "b": ("batch", "bat"),
    "t": ("trunk", "trk"),
    "c": ("caller_id_pool", "cip"),
}
"""Kind of a gate → its name and the prefix of its public id."""


def wheel(view: WheelView, ids: PublicIds, *, clock_speed: float) -> Wheel:
    reasons, dialing = view.reasons, view.dialing
    return Wheel(
        object="wheel",
        at=_at(view.at_ms),
        clock_speed=clock_speed,
        total=reasons.total,
        depth=view.depth,
        overdue=reasons.held + reasons.ready,
        held=reasons.held,
        in_flight=dialing.in_flight,
        why=_why(reasons),
        opens_at=utc_ms(view.opens_ms),
        due=msgspec.convert(view.due, DueSoon, from_attributes=True),
        lag_ms=view.lag_ms,
        dispatch_lag_ms=DispatchLag(dialing.lag_p50_ms, dialing.lag_p99_ms),
        dials_per_s=DialRates(dialing.per_s_of_10_s, dialing.per_s_of_minute),
        classes=[
            WheelClass(name, one.lanes, one.reasons.total, _why(one.reasons), utc_ms(one.next_ms))
            for name, one in view.classes.items()
        ],
        lanes_count=view.lanes_count,
        lanes=[_lane(lane, ids) for lane in view.lanes],
        gates=[_gate(gate, ids) for gate in view.gates],
        shards=[
            WheelShard(number, pulse.epoch is not None, pulse.epoch, pulse.claimed_ago_ms)
            for number, pulse in enumerate(view.pulses)
        ],
    )


def wheel_slots(slots: Slots) -> WheelSlots:
    data = [
        WheelSlot(
            at=_at(slots.from_ms + number * slots.length_ms),
            total=sum(counts.values()),
            live=counts["live"],
            callback=counts["callback"],
            follow_up=counts["follow-up"],
            bulk=counts["bulk"],
        )
        for number, counts in enumerate(slots.counts)
    ]
    return WheelSlots(
        object="wheel_slots",
        from_=_at(slots.from_ms),
        to=_at(slots.until_ms),
        bucket_s=slots.length_ms // 1000,
        total=sum(slot.total for slot in data),
        data=data,
    )


def _lane(lane: LaneView, ids: PublicIds) -> WheelLane:
    return WheelLane(
        class_=lane.lane_class,
        agent_id=ids.write("agt", lane.agent_id),
        agent_name=lane.agent_name,
        batch_id=ids.write_or_none("bat", lane.batch_id or None),
        batch_name=lane.batch_name,
        timezones=lane.zones,
        regions=lane.regions,
        total=lane.reasons.total,
        why=_why(lane.reasons),
        next_at=utc_ms(lane.next_ms),
        until_at=utc_ms(lane.until_ms),
    )


def _gate(gate: GateNow, ids: PublicIds) -> WheelGate:
    letter, _, number = gate.gate.partition(":")
    kind, prefix = _GATES[letter]
    return WheelGate(
        kind=kind,
        id=ids.write(prefix, int(number)),
        paused=gate.paused,
        max_concurrent=gate.max_concurrent,
        in_call=None if gate.max_concurrent is None else gate.in_call,
        per_s=None if gate.interval_us is None else round(1_000_000 / gate.interval_us, 3),
        burst=None if gate.interval_us is None else gate.burst,
        tokens=gate.tokens,
        left=gate.left,
        renews_at=utc_ms(gate.renews_at_ms),
    )


def _why(reasons: Reasons) -> WhyWaiting:
    return msgspec.convert(reasons, WhyWaiting, from_attributes=True)


def _at(at_ms: Ms) -> str:
    at = utc_ms(at_ms)
    assert at is not None
    return at

"""One account's part of the wheel, put together: what waits where and why, and how dialing goes."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.insight.ledger_counts import CLASSES, Dialing, LaneCounts, read_dialing
from scheduler.insight.waiting import LaneWhy, Reasons, why_waiting
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms_or_none
from scheduler.wheel.looking import GateNow, LaneNow, Pulse, feel_pulse, look_at_gates, look_at_lanes

_LANES_A_PAGE = 2000


class LaneView(msgspec.Struct, frozen=True):
    """A lane: what makes it one, and why its loops wait.

    `oldest_ms`: the earliest that is due on the wheel; `next_ms`: the first that is not due yet, wherever it
    is.
    """

    lane_id: int
    lane_class: str
    agent_id: int
    agent_name: str
    batch_id: int
    batch_name: str | None
    zones: list[str]
    regions: list[str]
    gates: tuple[str, ...]
    reasons: Reasons
    oldest_ms: Ms | None
    next_ms: Ms | None
    until_ms: Ms | None


class ClassView(msgspec.Struct):
    """All lanes of a class. `next_ms`: when the next loop that is not due yet will be."""

    lanes: int = 0
    next_ms: Ms | None = None
    reasons: Reasons = msgspec.field(default_factory=Reasons)


class Due(msgspec.Struct):
    """Waiting loops by when they are due, from the ledger: by now, in the next minute, in the hour, later."""

    now: int = 0
    next_minute: int = 0
    next_hour: int = 0
    later: int = 0


class WheelView(msgspec.Struct, frozen=True):
    """An account's wheel at an instant. Every waiting loop is counted once in `reasons`, and so in `classes`.

    `depth`: how many of them are on the wheel. `lag_ms`: how late the oldest is that a dialer could have now.
    `opens_ms`: when the first of the lanes opens that their hours hold. `lanes`: those with most that is due,
    and `gates` that these pass.
    """

    at_ms: Ms
    reasons: Reasons
    depth: int
    due: Due
    lag_ms: Ms
    opens_ms: Ms | None
    classes: dict[str, ClassView]
    lanes_count: int
    lanes: list[LaneView]
    gates: list[GateNow]
    dialing: Dialing
    pulses: list[Pulse]


class WheelViewer:
    """Looks into the wheel for one account at a time."""

    def __init__(self, flow: Flow, clock: Clock) -> None:
        self._flow = flow
        self._clock = clock
        self._counts = LaneCounts(flow.database, clock)

    async def look(self, account_id: int, *, lanes: int) -> WheelView:
        """`lanes`: how many of the account's lanes are shown one by one.

        Ledger and wheel are read one after the other: what moves meanwhile is counted once, in either place.
        Raises ServerUnavailable.
        """
        now_ms, wheel = self._clock.now_ms(), self._flow.wheel
        rows = await self._lanes(account_id)
        counts = {row["lane_id"]: row for row in await self._counts.of(account_id, now_ms)}
        shard = rows[0]["shard"] if rows else 0
        looked = await look_at_lanes(wheel, shard, [row["lane_id"] for row in rows], now_ms)
        used = [lane for lane in looked if lane.waiting or lane.lane_id in counts]
        held_back = {lane_id: row["held"] for lane_id, row in counts.items()}
        asked = [lane.gates for lane in used if lane.due or held_back.get(lane.lane_id)]
        gates = await look_at_gates(wheel, shard, sorted({f"a:{account_id}"}.union(*asked)), now_ms)
        by_id = {row["lane_id"]: row for row in rows}
        # ten thousand lanes take a tenth of a second: a thread's, so that live leads need not wait for it
        views = await asyncio.to_thread(_lane_views, used, by_id, counts, held_back, gates, now_ms)
        shown = heapq.nlargest(lanes, views, key=_weight)
        shown_gates = {f"a:{account_id}"}.union(*(view.gates for view in shown))
        gates |= await look_at_gates(wheel, shard, sorted(shown_gates - gates.keys()), now_ms)
        late = [view.oldest_ms for view in views if view.reasons.ready and view.oldest_ms is not None]
        opens = [view.until_ms for view in views if view.reasons.hours and view.until_ms is not None]
        return WheelView(
            at_ms=now_ms,
            reasons=_sum(view.reasons for view in views),
            depth=sum(lane.waiting for lane in used),
            due=_due(counts.values()),
            lag_ms=now_ms - min(late, default=now_ms),
            opens_ms=min(opens, default=None),
            classes=_classes(views),
            lanes_count=len(views),
            lanes=shown,
            gates=[gates[name] for name in sorted(shown_gates)],
            dialing=await read_dialing(self._flow.database, account_id, now_ms),
            pulses=[await feel_pulse(wheel, each, self._clock.wall_ms()) for each in range(wheel.shards)],
        )

    async def _lanes(self, account_id: int) -> list[Row]:
        rows: list[Row] = []
        while True:
            after = rows[-1]["lane_id"] if rows else 0
            page = await self._flow.database.fetch("wheel_lanes", account_id, after, _LANES_A_PAGE)
            rows += page
            if len(page) < _LANES_A_PAGE:
                return rows


def _lane_views(
    lanes: Sequence[LaneNow],
    rows: Mapping[int, Row],
    counts: Mapping[int, Row],
    held_back: Mapping[int, int],
    gates: Mapping[str, GateNow],
    now_ms: Ms,
) -> list[LaneView]:
    return [
        _lane_view(rows[why.lane.lane_id], why, counts.get(why.lane.lane_id))
        for why in why_waiting(lanes, gates, now_ms, held_back=held_back)
    ]


def _lane_view(row: Row, why: LaneWhy, count: Row | None) -> LaneView:
    reasons = why.reasons
    if count is not None:
        reasons.later = max(0, count["loops"] - count["held"] - why.lane.waiting)
    return LaneView(
        lane_id=why.lane.lane_id,
        lane_class=row["class"],
        agent_id=row["agent_id"],
        agent_name=row["agent_name"],
        batch_id=row["batch_id"],
        batch_name=row["batch_name"],
        zones=row["zones"],
        regions=row["regions"],
        gates=why.lane.gates,
        reasons=reasons,
        oldest_ms=why.lane.head_ms,
        next_ms=None if count is None else to_ms_or_none(count["next_at"]),
        until_ms=why.until_ms,
    )


def _weight(view: LaneView) -> tuple[int, int, int]:
    """What is due counts most; of equals the older lane comes first."""
    reasons = view.reasons
    return reasons.held + reasons.ready, reasons.total, -view.lane_id


def _sum(parts: Iterable[Reasons]) -> Reasons:
    whole = Reasons()
    for part in parts:
        whole.add(part)
    return whole


def _classes(views: Sequence[LaneView]) -> dict[str, ClassView]:
    classes = {name: ClassView() for name in CLASSES}
    for view in views:
        one = classes[view.lane_class]
        one.lanes += 1
        one.reasons.add(view.reasons)
        if view.next_ms is not None:
            one.next_ms = view.next_ms if one.next_ms is None else min(one.next_ms, view.next_ms)
    return classes


def _due(counts: Iterable[Row]) -> Due:
    due = Due()
    for row in counts:
        due.now += row["due"]
        due.next_minute += row["minute"] - row["due"]
        due.next_hour += row["hour"] - row["minute"]
        due.later += row["loops"] - row["hour"]
    return due

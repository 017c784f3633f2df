"""The wheel as the API answers it."""

from __future__ import annotations

import msgspec


class WhyWaiting(msgspec.Struct):
    """Every waiting loop is counted in exactly one of these; `later` is not on the wheel, the others are, but
    for those of `pace` that their batch's pace holds back in the ledger."""

    ready: int
    hours: int
    pause: int
    concurrency: int
    pace: int
    budget: int
    unshaped: int
    not_due: int
    later: int


class DueSoon(msgspec.Struct):
    """Waiting loops by when they are due; counted anew when that last took less than a tenth of the time."""

    now: int
    next_minute: int
    next_hour: int
    later: int


class DialRates(msgspec.Struct):
    last_10_s: float
    last_minute: float


class DispatchLag(msgspec.Struct):
    """From due to dispatched, over the last minute; null where nothing was dialled."""

    p50: int | None
    p99: int | None


class WheelClass(msgspec.Struct):
    """`next_at`: when the first is due that is not due yet."""

    name: str
    lanes: int
    total: int
    why: WhyWaiting
    next_at: str | None


class WheelLane(msgspec.Struct):
    """Loops of one agent, batch and class that open and close together. `until_at`: when what holds the due
    ones may end by itself, if that is known."""

    class_: str = msgspec.field(name="class")
    agent_id: str
    agent_name: str
    batch_id: str | None
    batch_name: str | None
    timezones: list[str]
    regions: list[str]
    total: int
    why: WhyWaiting
    next_at: str | None
    until_at: str | None


class WheelGate(msgspec.Struct):
    """A limit that lanes share; null where it has none of that kind. `tokens` of its `per_s`
    may be spent now, at most `burst` are saved up; a pool of caller ids has `left` until `renews_at`."""

    kind: str
    id: str
    paused: bool
    max_concurrent: int | None
    in_call: int | None
    per_s: float | None
    burst: int | None
    tokens: int | None
    left: int | None
    renews_at: str | None


class WheelShard(msgspec.Struct):
    """`ticker_age_ms`: since a dialer last asked for work there; null where none has."""

    shard: int
    ready: bool
    epoch: str | None
    ticker_age_ms: int | None


class Wheel(msgspec.Struct):
    """The account's part of the wheel. total = the sum of `why` = the sum of the classes' totals.

    `depth`: how many are on the wheel; `overdue`: due; `held`: due and not to be had now; `in_flight`: calls
    under way. `lag_ms`: how late the oldest is that a dialer could have now. `lanes`: those with most that
    is due.
    """

    object: str
    at: str
    clock_speed: float
    total: int
    depth: int
    overdue: int
    held: int
    in_flight: int
    why: WhyWaiting
    opens_at: str | None
    due: DueSoon
    lag_ms: int
    dispatch_lag_ms: DispatchLag
    dials_per_s: DialRates
    classes: list[WheelClass]
    lanes_count: int
    lanes: list[WheelLane]
    gates: list[WheelGate]
    shards: list[WheelShard]


class WheelSlot(msgspec.Struct):
    """What is due from `at` on, for one bucket."""

    at: str
    total: int
    live: int
    callback: int
    follow_up: int
    bulk: int


class WheelSlots(msgspec.Struct):
    """`total` is the sum of the slots: all that waits and is due from `from` to before `to`."""

    object: str
    from_: str = msgspec.field(name="from")
    to: str
    bucket_s: int
    total: int
    data: list[WheelSlot]

"""What goes onto the wheel and what comes off it, as values."""

from __future__ import annotations

import msgspec

from scheduler.domain.time import Ms


class Lane(msgspec.Struct, frozen=True):
    """The shape of a lane: one line of like work.

    `lane_class` is one of live, callback, follow-up, bulk; `gates` name the limits it passes ("a:1", "g:7").
    It is closed while `open_until_ms` <= now < `open_from_ms`; without an `open_until_ms` it is always open,
    without an `open_from_ms` it stays closed from then on. `keep_hours` leaves the hours as they are, for
    who does not know them. `weight`: its share against lanes of other weight.
    """

    lane_id: int
    shard: int
    lane_class: str
    gates: tuple[str, ...] = ()
    weight: int = 1
    open_until_ms: Ms | None = None
    open_from_ms: Ms | None = None
    keep_hours: bool = False
    paused: bool = False


class Gate(msgspec.Struct, frozen=True):
    """A limit that lanes share: live calls at most, and a throttle of one token every `interval_us`.

    `burst` tokens may be taken at once: no window of t microseconds sees more than t / interval_us + burst.
    A budget lets `left` more through before `renews_at_ms` (None: for good); from then on it says nothing
    until the gate is shaped again. A gate that a lane names and that was never shaped lets nothing through.
    """

    gate: str
    shard: int
    max_concurrent: int | None = None
    interval_us: int | None = None
    burst: int = 1
    paused: bool = False
    left: int | None = None
    renews_at_ms: Ms | None = None


class Placing(msgspec.Struct, frozen=True):
    """A loop, its lane, and when it is due.

    `was_at_ms`: where the loop waits on that lane if it does, so that a move costs one step: an instant, or 0
    for a loop that waits nowhere on it (a new one). None: every slot of the lane is searched.
    """

    shard: int
    lane_id: int
    loop_id: int
    due_at_ms: Ms
    was_at_ms: Ms | None = None


class Claim(msgspec.Struct, frozen=True):
    """A loop that is leased to whoever made the claim `claim_id`, at that epoch of the shard."""

    lane_id: int
    loop_id: int
    due_at_ms: Ms
    claim_id: str
    shard: int
    epoch: str = ""


class Claimed(msgspec.Struct):
    """What a claim got, and the earliest instant at which there may be more (None: nothing is in sight).

    A `wake_at_ms` that has passed means that more is ready now.
    """

    wake_at_ms: Ms | None
    claims: list[Claim]


class Release(msgspec.Struct, frozen=True):
    """End of a lease. Not `sent`: tokens and call slots are given back. Sent: they stay until the CallEnd."""

    claim: Claim
    sent: bool


class CallEnd(msgspec.Struct, frozen=True):
    """A call is over: its slots at the lane's gates are free.

    `until_ms`: its slots' hard end at the latest. Slots that last longer are those of the loop's next call,
    which was claimed before this was told, and stay; without it they are taken for this call's.
    """

    shard: int
    lane_id: int
    loop_id: int
    until_ms: Ms | None = None


class HeldSlot(msgspec.Struct, frozen=True):
    """A loop that holds call slots, until `until_ms` at the latest."""

    loop_id: int
    until_ms: Ms


class Counts(msgspec.Struct, frozen=True):
    """A shard in numbers. `held`: waiting on lanes closed or paused now; `overdue`: due before now;
    `in_call`: calls that hold slots, which they do where a gate limits calls."""

    waiting: int
    held: int
    overdue: int
    leased: int
    in_call: int
    lanes: int

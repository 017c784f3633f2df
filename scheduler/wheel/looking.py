"""Looking into the wheel: what waits on lanes, what gates let through. Reads only, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from scheduler.domain.time import Ms
from scheduler.wheel.keys import checked_gate
from scheduler.wheel.wheel import TimingWheel

PAGE = 100
"""Lanes or gates a script call looks at: a millisecond or two of the server."""

_LANE_WORDS = 7
_GATE_WORDS = 11


class LaneNow(msgspec.Struct, frozen=True):
    """A lane at an instant. `due` of its `waiting` loops are due by then, the first of them at `head_ms`.

    `lane_class` is None where the lane was never shaped: nothing comes off it. `opens_at_ms`: when its hours
    let something out, the instant itself while they do, None when it does not open by itself.
    """

    lane_id: int
    lane_class: str | None
    waiting: int
    due: int
    head_ms: Ms | None
    opens_at_ms: Ms | None
    paused: bool
    gates: tuple[str, ...]


class GateNow(msgspec.Struct, frozen=True):
    """A gate at an instant. Not `shaped`, it has no rule and lets nothing through.

    None is no limit of that kind. `free_at_ms`: when a call's slot frees by itself at the latest;
    `token_at_ms`: the next token; both None while there is room. A budget says `left` until `renews_at_ms`.
    """

    gate: str
    shaped: bool
    paused: bool
    max_concurrent: int | None
    in_call: int
    free_at_ms: Ms | None
    interval_us: int | None
    burst: int
    tokens: int | None
    token_at_ms: Ms | None
    left: int | None
    renews_at_ms: Ms | None


class Pulse(msgspec.Struct, frozen=True):
    """A shard: the epoch it is ready at, None while it is not; ms since a dialer last claimed there, None
    where none has since the wheel was made."""

    epoch: str | None
    claimed_ago_ms: Ms | None


async def feel_pulse(wheel: TimingWheel, shard: int, wall_ms: Ms) -> Pulse:
    """Whether the shard is whole and served. Raises ServerUnavailable."""
    lease_end = (await wheel._run("pulse", shard, [])).decode()
    return Pulse(
        await wheel.epoch(shard), max(0, wall_ms + wheel.lease_ms - int(lease_end)) if lease_end else None
    )


async def look_at_lanes(wheel: TimingWheel, shard: int, lane_ids: Sequence[int], now_ms: Ms) -> list[LaneNow]:
    """These lanes, in order. A script call for 100 of them, less where much is overdue.

    Raises ServerUnavailable.
    """
    found: list[LaneNow] = []
    while len(found) < len(lane_ids):
        part = lane_ids[len(found) : len(found) + PAGE]
        words = await _read(wheel, "lanes_page", shard, [now_ms, wheel.slot_ms, *part])
        for at, lane_id in zip(range(0, len(words), _LANE_WORDS), part, strict=False):
            lane_class, waiting, due, head, opens, paused, gates = words[at : at + _LANE_WORDS]
            found.append(
                LaneNow(
                    lane_id=lane_id,
                    lane_class=lane_class or None,
                    waiting=int(waiting),
                    due=int(due),
                    head_ms=_number(head),
                    opens_at_ms=_number(opens),
                    paused=paused == "1",
                    gates=tuple(gates.split()),
                )
            )
    return found


async def look_at_gates(
    wheel: TimingWheel, shard: int, names: Sequence[str], now_ms: Ms
) -> dict[str, GateNow]:
    """These gates by name. Raises ServerUnavailable."""
    found: dict[str, GateNow] = {}
    for start in range(0, len(names), PAGE):
        part = [checked_gate(name) for name in names[start : start + PAGE]]
        words = iter(await _read(wheel, "gates_page", shard, [now_ms, wheel.slot_ms, *part]))
        for name, *said in zip(part, *[words] * _GATE_WORDS, strict=True):
            shaped, paused, most, in_call, free_at, interval, burst, tokens, token_at, left, renews = said
            found[name] = GateNow(
                gate=name,
                shaped=shaped == "1",
                paused=paused == "1",
                max_concurrent=_number(most),
                in_call=int(in_call),
                free_at_ms=_number(free_at),
                interval_us=_number(interval),
                burst=int(burst),
                tokens=_number(tokens),
                token_at_ms=_number(token_at),
                left=_number(left),
                renews_at_ms=_number(renews),
            )
    return found


async def _read(wheel: TimingWheel, name: str, shard: int, args: list[Any]) -> list[str]:
    return [word.decode() for word in await wheel._run(name, shard, args)]


def _number(word: str) -> int | None:
    return int(word) if word else None

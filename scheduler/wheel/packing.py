"""Arguments for the scripts: items grouped by shard and lane, calls of bounded size; claims read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from scheduler.domain.time import Ms
from scheduler.wheel.keys import checked_gate
from scheduler.wheel.model import CallEnd, Claim, Claimed, Gate, Lane, Placing, Release

Item = TypeVar("Item")

_LANE = attrgetter("lane_id")

CLASSES = ("live", "callback", "follow-up", "bulk")

ITEMS_PER_CALL = 1000
"""A script call of this many stays within a few milliseconds."""


def by_shard(items: Iterable[Any]) -> dict[int, list[Any]]:
    """Items with a `shard`, apart."""
    shards: dict[int, list[Any]] = {}
    for item in items:
        shards.setdefault(item.shard, []).append(item)
    return shards


def chunks(items: Sequence[Item], size: int = ITEMS_PER_CALL) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def latest_placings(placings: Iterable[Placing]) -> list[Placing]:
    """One placing for each loop of a lane, the last one given, ordered by lane."""
    last = {(each.lane_id, each.loop_id): each for each in placings}
    return sorted(last.values(), key=_LANE)


def placing_groups(placings: Sequence[Placing]) -> tuple[int, list[Any], list[Placing]]:
    """(groups, lane, kind, count, loop, due, …) as place.lua reads them, and the placings in that order."""
    groups: dict[tuple[int, str], list[Placing]] = {}
    for each in placings:
        was_ms = each.was_at_ms
        kind = "s" if was_ms is None else "n" if not was_ms or was_ms == each.due_at_ms else "m"
        key = (each.lane_id, kind)
        if key in groups:
            groups[key].append(each)
        else:
            groups[key] = [each]
    args: list[Any] = []
    order: list[Placing] = []
    for (lane_id, kind), members in groups.items():
        args += (lane_id, kind, len(members))
        if kind == "m":
            args += [word for each in members for word in (each.loop_id, each.due_at_ms, each.was_at_ms)]
        else:
            args += [word for each in members for word in (each.loop_id, each.due_at_ms)]
        order += members
    return len(groups), args, order


def instant_groups(placings: Sequence[Placing]) -> list[Any]:
    """(lane, count, loop, due, …) of placings ordered by lane."""
    args: list[Any] = []
    lane_id, count_at = None, 0
    for each in placings:
        if each.lane_id != lane_id:
            lane_id, count_at = each.lane_id, len(args) + 1
            args += (lane_id, 0)
        args[count_at] += 1
        args += (each.loop_id, each.due_at_ms)
    return args


def release_groups(releases: Sequence[Release]) -> tuple[int, list[Any], list[Claim]]:
    """(groups, lane, claim_id, sent, count, loops…) and the claims in the order that the script counts in."""
    groups: dict[tuple[int, str, int], list[Claim]] = {}
    for each in releases:
        claim = each.claim
        groups.setdefault((claim.lane_id, claim.claim_id, int(each.sent)), []).append(claim)
    args: list[Any] = []
    order: list[Claim] = []
    for key, claims in groups.items():
        args += key
        args.append(len(claims))
        args += [claim.loop_id for claim in claims]
        order += claims
    return len(groups), args, order


def claim_groups(claims: Sequence[Claim]) -> tuple[list[Any], list[Claim]]:
    """(lane, claim_id, count, loops…) and the claims in the order that the script counts in."""
    groups: dict[tuple[int, str], list[Claim]] = {}
    for claim in claims:
        groups.setdefault((claim.lane_id, claim.claim_id), []).append(claim)
    args: list[Any] = []
    order: list[Claim] = []
    for key, members in groups.items():
        args += key
        args.append(len(members))
        args += [claim.loop_id for claim in members]
        order += members
    return args, order


def end_groups(ends: Iterable[CallEnd]) -> tuple[int, list[Any]]:
    """(groups, lane, count, loop, bound, …), each loop of a lane once."""
    lanes: dict[int, dict[int, Ms | None]] = {}
    for each in ends:
        lanes.setdefault(each.lane_id, {})[each.loop_id] = each.until_ms
    args: list[Any] = []
    for lane_id, loops in lanes.items():
        args += (lane_id, len(loops))
        for loop_id, until_ms in loops.items():
            args += (loop_id, _or_empty(until_ms))
    return len(lanes), args


def loop_groups(pairs: Iterable[tuple[int, int]]) -> tuple[int, list[Any]]:
    """(groups, lane, count, loops…) of pairs of lane and loop, each once."""
    lanes: dict[int, dict[int, None]] = {}
    for lane_id, loop_id in pairs:
        lanes.setdefault(lane_id, {})[loop_id] = None
    args: list[Any] = []
    for lane_id, loops in lanes.items():
        args += (lane_id, len(loops), *loops)
    return len(lanes), args


def gate_words(gate: Gate) -> list[Any]:
    """A gate's rule as lua/shape.lua reads it. Raises ValueError for a rule that makes no sense."""
    if gate.burst < 1 or (gate.interval_us is not None and gate.interval_us < 1):
        raise ValueError("burst and interval_us are at least 1")
    if gate.left is not None and gate.left < 0:
        raise ValueError("a budget is spent at 0")
    return [
        checked_gate(gate.gate),
        _or_empty(gate.max_concurrent),
        _or_empty(gate.interval_us),
        gate.burst,
        int(gate.paused),
        _or_empty(gate.left),
        _or_empty(gate.renews_at_ms),
    ]


def lane_words(lane: Lane) -> list[Any]:
    """A lane's rule as lua/shape.lua reads it. Raises ValueError for a rule that makes no sense."""
    if lane.lane_class not in CLASSES or lane.weight < 1:
        raise ValueError(f"a lane is one of {', '.join(CLASSES)}, of weight 1 or more")
    return [
        lane.lane_id,
        lane.lane_class,
        " ".join(checked_gate(gate) for gate in dict.fromkeys(lane.gates)),
        lane.weight,
        "=" if lane.keep_hours else _or_empty(lane.open_until_ms),
        _or_empty(lane.open_from_ms),
        int(lane.paused),
    ]


def read_claimed(answer: bytes, shard: int, epoch: str) -> Claimed:
    """The answer of lua/claim.lua as a value."""
    words = answer.decode().split(" ")
    claim_id, wake = words[0], words[2]
    claims: list[Claim] = []
    at = 3
    while at < len(words):
        lane_id, begin_ms, end = int(words[at]), int(words[at + 2]), at + 4 + 2 * int(words[at + 3])
        claims += [
            Claim(lane_id, int(loop_id), begin_ms + int(ms), claim_id, shard, epoch)
            for loop_id, ms in zip(words[at + 4 : end : 2], words[at + 5 : end : 2], strict=True)
        ]
        at = end
    return Claimed(None if wake == "-" else int(wake), claims)


def _or_empty(value: int | None) -> int | str:
    return "" if value is None else value

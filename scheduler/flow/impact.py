"""What a change of settings does to the calls that wait, counted before anything is moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.outlook import look
from scheduler.flow.policies import AgentPolicy

PIECE = 1000
"""Loops read and planned at a time."""


class Impact(msgspec.Struct, frozen=True):
    """How many waiting loops move earlier or later, stay, or are out because no time is left for them. Where
    `estimated`, the counts of the `examined` stand for all of them."""

    earlier: int = 0
    later: int = 0
    unchanged: int = 0
    out: int = 0
    examined: int = 0
    estimated: bool = False


NOBODY = Impact()


async def measure(
    flow: Flow, account_id: int, agents: Mapping[int, AgentPolicy], now_ms: Ms, *, most: int
) -> Impact:
    """What it would do to the loops of these agents if their policies were in force: of up to `most` loops
    exactly, of more by an even sample of about so many."""
    database = flow.database
    as_if = replace(flow, policies=flow.policies.as_if(agents))
    counts: dict[str, int] = {"earlier": 0, "later": 0, "unchanged": 0, "out": 0}
    async with database.connection() as on:
        row = await database.fetch_row("recalculate_count", account_id, list(agents), on=on)
        assert row is not None
        waiting: int = row["waiting"]
        step = max(-(-waiting // most), 1)
        found = await database.fetch("recalculate_sample", account_id, list(agents), step, 2 * most, on=on)
        loops = [row["loop_id"] for row in found]
        for first in range(0, len(loops), PIECE):
            (await look(as_if, loops[first : first + PIECE], now_ms, on)).tally(counts)
    return summed_up(counts, waiting, step)


def summed_up(counts: dict[str, int], waiting: int, step: int) -> Impact:
    """The counts of every `step`-th of the `waiting` loops as the impact on all of them."""
    examined = sum(counts.values())
    estimated = step > 1 and examined > 0
    found = _scaled(counts, waiting) if estimated else counts
    return Impact(found["earlier"], found["later"], found["unchanged"], found["out"], examined, estimated)


def _scaled(counts: dict[str, int], total: int) -> dict[str, int]:
    """The counts as parts of `total`, which they add up to: what rounding leaves goes to the largest."""
    examined = sum(counts.values())
    scaled = {name: count * total // examined for name, count in counts.items()}
    scaled[max(counts, key=counts.__getitem__)] += total - sum(scaled.values())
    return scaled

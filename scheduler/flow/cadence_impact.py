"""What a version of a cadence does to the calls that wait, counted before anything is moved."""

from __future__ import annotations

from dataclasses import replace

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.impact import PIECE, Impact, summed_up
from scheduler.flow.outlook import look
from scheduler.ledger.database import Connection


async def measure_version(
    flow: Flow, on: Connection, cadence_id: int, now_ms: Ms, *, waiting: int, most: int
) -> Impact:
    """What happens to the `waiting` loops of this cadence, as the transaction `on` has it applied: of up to
    `most` loops exactly, of more by an even sample of about so many."""
    database = flow.database
    # of its own: the transaction may be taken back, and its version be given to another draft
    as_if = replace(flow, policies=flow.policies.apart())
    step = max(-(-waiting // most), 1)
    found = await database.fetch("cadence_sample", cadence_id, step, 2 * most, on=on)
    loops = [row["loop_id"] for row in found]
    counts = {"earlier": 0, "later": 0, "unchanged": 0, "out": 0}
    for first in range(0, len(loops), PIECE):
        (await look(as_if, loops[first : first + PIECE], now_ms, on)).tally(counts)
    return summed_up(counts, waiting, step)

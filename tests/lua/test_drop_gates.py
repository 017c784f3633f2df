"""drop_gates: a closed batch leaves nothing behind."""

from __future__ import annotations

import pytest

from scheduler.wheel.keys import tag
from tests.wheel.builders import Stand


async def test_a_batch_that_is_over_leaves_nothing_behind(stand: Stand):
    await stand.gate("a:1", max_concurrent=9)
    await stand.gate("b:5", max_concurrent=3, interval_us=1_000_000, burst=2)
    await stand.lane(5, "bulk", "a:1", "b:5")
    await stand.place(range(10, 20), lane_id=5)
    claims = [claim for claim in await stand.claim() if claim.lane_id == 5]
    assert len(claims) == 2
    await stand.release(claims, sent=True)
    await stand.claim()

    await stand.wheel.drop_lanes(stand.shard, [5])
    await stand.end(claims)
    assert await stand.wheel.drop_gates(stand.shard, ["b:5", "b:6"]) == 1

    assert await stand.in_call("a:1") == 0
    client = stand.wheel._servers.client
    left = await client.keys(f"{tag(stand.shard)}:*")
    assert not [key for key in left if key.endswith(b"b:5")]
    for key in left:
        if await client.type(key) == b"zset":
            assert await client.zscore(key, "b:5") is None
    kept = {key for key in left if b":5" in key}
    assert [await client.pttl(key) > 0 for key in kept] == [True], (
        "the lane's gates, for calls that may still end"
    )


async def test_a_refund_does_not_bring_a_dropped_gate_back(stand: Stand):
    await stand.gate("b:5", interval_us=1_000_000, burst=2)
    await stand.lane(5, "bulk", "b:5")
    await stand.place([1], lane_id=5)
    claims = await stand.claim()
    await stand.wheel.drop_lanes(stand.shard, [5])
    await stand.wheel.drop_gates(stand.shard, ["b:5"])
    assert await stand.release(claims, sent=False) == []
    assert await stand.wheel.drop_gates(stand.shard, ["b:5"]) == 0


async def test_a_lane_whose_gate_is_gone_gives_out_nothing(stand: Stand):
    """Fail closed, as for a gate that was never shaped; shaped again, it lets through."""
    await stand.gate("b:5")
    await stand.lane(5, "bulk", "b:5")
    await stand.place([1], lane_id=5)
    await stand.wheel.drop_gates(stand.shard, ["b:5"])
    assert await stand.loops() == []
    await stand.gate("b:5")
    assert await stand.loops() == [1]


async def test_what_is_no_gate_is_refused(stand: Stand):
    with pytest.raises(ValueError, match="gate"):
        await stand.wheel.drop_gates(stand.shard, ["b:5", "lane:1"])

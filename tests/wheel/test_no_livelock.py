"""However many lanes wait, a claim does little, and what can go out does. Issue 4, "No livelock"; I14, I16.

Counted in commands on the server, not in time: what a lane or a gate costs is the same on any machine.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from scheduler.wheel import Claim, Gate, Lane
from tests.wheel.builders import HOUR, NOW, Stand

CROWD = 1_000
LOOKED_AT = 64
"""Lanes that a claim looks at."""

MOST = (17 + 6) * LOOKED_AT
"""Commands of one claim: for a lane that gives something and then waits at a gate, and for one that a gate of
its own has brought back."""

FEW = 110
"""Commands of a claim with a token for one lane, whoever else waits."""


class Counted:
    """Claims of a stand, with the commands each takes on the server."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self.commands: list[int] = []

    async def _so_far(self) -> int:
        stats = await self._stand.wheel._servers.client.info("commandstats")
        return sum(each["calls"] for name, each in stats.items() if name != "cmdstat_info")

    async def claim(self, limit: int = 100) -> list[Claim]:
        before = await self._so_far()
        claims = await self._stand.claim(limit)
        self.commands.append(await self._so_far() - before)
        return claims

    async def drain(self, most: int) -> list[Claim]:
        """Until nothing is ready, in `most` claims."""
        found = await self.claim()
        while self._stand.wake_at_ms is not None and self._stand.wake_at_ms <= self._stand.now_ms:
            found += await self.claim()
            assert len(self.commands) <= most, "it goes on and on"
        return found


@pytest.fixture
def counted(stand: Stand) -> Counted:
    return Counted(stand)


async def crowd(stand: Stand, *gates: str, lanes: Iterable[int] = range(1, CROWD + 1), **rule: int) -> None:
    """Lanes with one loop each, due an hour ago; `gates`: with {} in its name each lane has its own."""
    lanes = list(lanes)
    await stand.wheel.shape(
        [
            Lane(lane_id, stand.shard, "bulk", tuple(gate.format(lane_id) for gate in gates), **rule)
            for lane_id in lanes
        ],
        now_ms=stand.now_ms,
    )
    await stand.wheel.place([stand.placing(lane_id, -HOUR, lane_id) for lane_id in lanes], stand.now_ms)


async def test_lanes_whose_hours_have_just_ended_hide_an_open_one_for_a_few_claims_only(
    stand: Stand, counted: Counted
):
    """Their entries are early, from when they were open; each is corrected once."""
    await crowd(stand, open_until_ms=NOW + 1_000)
    await stand.lane(CROWD + 1)
    await stand.place([5_000], lane_id=CROWD + 1)
    stand.now_ms += 1_000
    claims = await counted.drain(most=CROWD // LOOKED_AT + 2)
    assert [claim.loop_id for claim in claims] == [5_000]
    assert max(counted.commands) <= MOST
    await stand.place([5_001], lane_id=CROWD + 1)
    counted.commands.clear()
    assert len(await counted.claim()) == 1
    assert counted.commands[0] <= FEW


async def test_behind_one_pace_only_the_lane_whose_turn_it_is_is_looked_at(stand: Stand, counted: Counted):
    await stand.gate("a:1", interval_us=100_000)
    await crowd(stand, "a:1")
    first = await counted.drain(most=CROWD // LOOKED_AT + 3)
    assert len(first) == 1
    assert max(counted.commands) <= MOST
    counted.commands.clear()
    served = [claim.lane_id for claim in first]
    for _ in range(50):
        stand.now_ms += 99
        assert await counted.claim() == []
        stand.now_ms += 1
        served += [claim.lane_id for claim in await counted.claim()]
        assert stand.wake_at_ms == stand.now_ms + 100
    assert len(set(served)) == 51
    assert max(counted.commands) <= FEW


async def test_lanes_with_a_pace_each_go_out_in_claims_of_bounded_work(stand: Stand, counted: Counted):
    await stand.wheel.shape(
        gates=[Gate(f"b:{n}", stand.shard, interval_us=1_000_000) for n in range(1, CROWD + 1)], now_ms=NOW
    )
    await crowd(stand, "b:{}")
    await stand.wheel.place([stand.placing(CROWD + n, -HOUR, n) for n in range(1, CROWD + 1)], NOW)
    for _ in range(2):
        claims = await counted.drain(most=2 * (CROWD // LOOKED_AT + 3))
        assert {claim.lane_id for claim in claims} == set(range(1, CROWD + 1))
        assert len(claims) == CROWD
        assert stand.wake_at_ms is None or stand.wake_at_ms == stand.now_ms + 1_000
        stand.now_ms += 1_000
    assert max(counted.commands) <= MOST


async def test_at_one_full_gate_each_slot_that_comes_free_costs_one_small_claim(
    stand: Stand, counted: Counted
):
    await stand.gate("a:1", max_concurrent=1)
    await crowd(stand, "a:1")
    under_way = await counted.drain(most=CROWD // LOOKED_AT + 3)
    assert max(counted.commands) <= MOST
    counted.commands.clear()
    served = {claim.lane_id for claim in under_way}
    for _ in range(50):
        await stand.release(under_way, sent=True)
        await stand.end(under_way)
        under_way = await counted.drain(most=10_000)
        assert len(under_way) == 1
        served |= {claim.lane_id for claim in under_way}
    assert len(served) == 51
    assert len(counted.commands) == 50
    assert max(counted.commands) <= FEW


async def test_lanes_at_a_gate_that_closed_meanwhile_pass_the_slot_on_within_a_few_claims(
    stand: Stand, counted: Counted
):
    """One of a thousand is open when the call ends."""
    await stand.gate("a:1", max_concurrent=1)
    await crowd(stand, "a:1", open_until_ms=NOW + 1_000)
    under_way = await counted.drain(most=CROWD // LOOKED_AT + 3)
    last = 500 if under_way[0].lane_id != 500 else 499
    await stand.lane(last, "bulk", "a:1")
    await stand.drain()
    stand.now_ms += 1_000
    await stand.release(under_way, sent=True)
    await stand.end(under_way)
    counted.commands.clear()
    assert [claim.lane_id for claim in await counted.drain(most=CROWD // 8)] == [last]
    assert max(counted.commands) <= MOST


async def test_of_full_gates_of_their_own_only_the_one_that_frees_a_slot_is_looked_at(
    stand: Stand, counted: Counted
):
    await stand.wheel.shape(
        gates=[Gate(f"g:{n}", stand.shard, max_concurrent=1) for n in range(1, CROWD + 1)], now_ms=NOW
    )
    await crowd(stand, "g:{}")
    await stand.wheel.place([stand.placing(CROWD + n, -HOUR, n) for n in range(1, CROWD + 1)], NOW)
    under_way = await counted.drain(most=2 * (CROWD // LOOKED_AT + 3))
    assert len(under_way) == CROWD
    assert max(counted.commands) <= MOST
    for claim in under_way[::100]:
        counted.commands.clear()
        await stand.end([claim])
        assert [each.lane_id for each in await counted.drain(most=1)] == [claim.lane_id]
        assert counted.commands[0] <= FEW


async def test_a_gate_that_opens_wide_brings_its_lanes_back_in_claims_of_bounded_work(
    stand: Stand, counted: Counted
):
    """A pause that ends, with a thousand lanes behind it: all come, none in vain."""
    await stand.gate("a:1", paused=True)
    await crowd(stand, "a:1")
    assert await counted.drain(most=CROWD // LOOKED_AT + 3) == []
    assert stand.wake_at_ms is None
    await stand.gate("a:1")
    claims = await counted.drain(most=200)
    assert len(claims) == CROWD
    assert max(counted.commands) <= MOST

"""Slots that outgrow a packed list are split, and nobody sees it but by memory. I14, I16."""

from __future__ import annotations

from scheduler.wheel import Placing
from tests.wheel.builders import MINUTE, NOW, Stand

DENSE = [(loop, loop * 7_919 % (3 * MINUTE)) for loop in range(1, 1_501)]
"""(loop, ms): five hundred a minute on one lane."""


async def place_dense(stand: Stand) -> list[Placing]:
    placings = [stand.placing(loop, ms) for loop, ms in DENSE]
    for start in range(0, len(placings), 250):
        await stand.wheel.place(placings[start : start + 250], NOW)
    return placings


async def slots(stand: Stand) -> dict[str, int]:
    """Each slot of lane 1, and how many wait in it."""
    client = stand.wheel._servers.client
    found = await client.keys(f"{{dw:{stand.shard}}}:0:slot:1:*")
    return {key.decode().rpartition(":")[2]: await client.zcard(key) for key in found}


async def test_a_dense_lane_costs_what_packed_lists_cost(stand: Stand):
    """DESIGN 7: at most 12 bytes a loop at 1,667 a minute."""
    await place_dense(stand)
    client = stand.wheel._servers.client
    sizes = await slots(stand)
    assert len(sizes) > 40
    assert max(sizes.values()) <= 256
    for name in sizes:
        assert await client.object("encoding", f"{{dw:{stand.shard}}}:0:slot:1:{name}") == b"listpack"


async def test_a_slot_that_many_come_to_at_once_is_split_too(stand: Stand):
    await stand.wheel.place([stand.placing(loop, loop * 50) for loop in range(1_000)], NOW)
    assert max((await slots(stand)).values()) <= 256
    stand.now_ms += MINUTE
    assert await stand.loops(500) == list(range(500))
    assert await stand.loops(500) == list(range(500, 1_000))


async def test_a_lane_gives_out_in_order_of_time_across_parts(stand: Stand):
    await place_dense(stand)
    stand.now_ms += 2 * MINUTE + 30_000
    given = [claim for _ in range(20) for claim in await stand.claim(97)]
    expected = sorted((NOW + ms, loop) for loop, ms in DENSE if NOW + ms <= stand.now_ms)
    assert [claim.due_at_ms for claim in given] == [due_ms for due_ms, _ in expected]
    assert {claim.loop_id for claim in given} == {loop for _, loop in expected}
    assert stand.wake_at_ms == min(NOW + ms for _, ms in DENSE if NOW + ms > stand.now_ms)
    assert await stand.next_wake() == stand.wake_at_ms


async def test_counts_and_comparisons_see_through_parts(stand: Stand):
    placings = await place_dense(stand)
    for ms in (0, 1, 3_750, 3_751, MINUTE, MINUTE + 29_000, 3 * MINUTE):
        counts = await stand.wheel.counts(stand.shard, NOW + ms)
        assert (counts.waiting, counts.overdue) == (1_500, sum(at < ms for _, at in DENSE))
    assert await stand.wheel.missing(placings) == []
    moved = [stand.placing(each.loop_id, each.due_at_ms - NOW + 1) for each in placings]
    assert len(await stand.wheel.missing(moved)) == 1_500


async def test_loops_move_within_a_split_slot_and_out_of_it(stand: Stand):
    """Each waits once, at its last instant, however the move was told."""
    placings = {each.loop_id: each for each in await place_dense(stand)}
    after = {loop: (ms * 31 + 11) % (4 * MINUTE) for loop, ms in DENSE}
    knows = [stand.placing(loop, after[loop], was_at_ms=placings[loop].due_at_ms) for loop in range(1, 751)]
    searches = [stand.placing(loop, after[loop]) for loop in range(751, 1_501)]
    assert await stand.wheel.place(knows, NOW) == 0
    assert await stand.wheel.place(searches, NOW) == 0
    assert await stand.wheel.missing(knows + searches) == []
    assert sum((await slots(stand)).values()) == await stand.waiting() == 1_500


async def test_a_settled_loop_finds_its_part(stand: Stand):
    await place_dense(stand)
    stand.now_ms += 5_000
    claims = await stand.claim(500)
    assert await stand.release(claims, sent=True, next_in_ms=MINUTE) == []
    assert await stand.waiting() == 1_500
    assert sum((await slots(stand)).values()) == 1_500


async def test_leases_that_end_return_to_their_parts(stand: Stand):
    placings = await place_dense(stand)
    stand.now_ms += 30_000
    claims = await stand.claim(200)
    stand.wall_ms += stand.wheel.lease_ms
    reaped = [*await stand.reap(), *await stand.reap()]
    assert sorted(each.loop_id for each in reaped) == sorted(each.loop_id for each in claims)
    assert await stand.wheel.missing(placings) == []
    assert await stand.waiting() == 1_500


async def test_withdrawn_and_dropped_loops_are_gone_from_every_part(stand: Stand):
    await place_dense(stand)
    assert await stand.wheel.withdraw([(stand.shard, 1, loop) for loop in range(1, 1_001)], NOW) == 1_000
    assert sum((await slots(stand)).values()) == await stand.waiting() == 500
    assert await stand.wheel.drop_lanes(stand.shard, [1]) == 500
    assert await slots(stand) == {}


async def test_a_lane_that_has_emptied_starts_afresh(stand: Stand):
    """A slot that was dense once is whole again the next time, and so cheap when little comes."""
    await place_dense(stand)
    stand.now_ms += 3 * MINUTE
    while await stand.claim(500):
        pass
    assert await slots(stand) == {}
    await stand.place([2_001, 2_002, 2_003], 3 * MINUTE)
    await stand.place([2_004], 3 * MINUTE + 5_000)
    assert list((await slots(stand)).values()) == [4]

"""claim: what is due, in turn, within every limit. I12, I13, I16, I17, I18."""

from __future__ import annotations

import pytest

from scheduler.errors import EpochNotReady
from tests.wheel.builders import HOUR, MINUTE, NOW, Stand

SECOND_US = 1_000_000


async def test_nothing_is_handed_out_early(stand: Stand):
    await stand.place([1], 1_000)
    stand.now_ms += 999
    assert await stand.loops() == []
    assert stand.wake_at_ms == NOW + 1_000
    stand.now_ms += 1
    assert await stand.loops() == [1]
    assert stand.wake_at_ms is None


async def test_a_claim_ahead_takes_what_is_due_within_it_and_no_more(stand: Stand):
    await stand.place([1], 250)
    await stand.place([2], 251)
    assert await stand.loops(ahead_ms=250) == [1]
    assert stand.wake_at_ms == NOW + 251


async def test_the_earliest_due_come_first_across_slots(stand: Stand):
    for loop, after_ms in ((1, 0), (2, -5 * MINUTE), (3, -1), (4, -5 * MINUTE - 1)):
        await stand.place([loop], after_ms)
    claims = await stand.claim(3)
    assert [claim.loop_id for claim in claims] == [4, 2, 3]
    assert [claim.due_at_ms - NOW for claim in claims] == [-5 * MINUTE - 1, -5 * MINUTE, -1]
    assert stand.wake_at_ms == NOW


async def test_the_same_claim_id_gets_the_same_answer(stand: Stand):
    """A reply that was lost is asked for again: C1, I16."""
    await stand.place(range(10))
    first = await stand.claimed(4, claim_id="once")
    assert await stand.claimed(4, claim_id="once") == first
    assert len(first.claims) == 4
    assert await stand.waiting() == 6
    assert (await stand.claimed(4, claim_id="twice")).claims != first.claims


async def test_every_claim_of_a_worker_is_answered_again_while_it_holds_something(stand: Stand):
    """C1 for a worker of several lines: a later claim does not push an earlier one's answer out."""
    await stand.place(range(20))
    first = await stand.claimed(5, claim_id="a")
    second = await stand.claimed(5, claim_id="b")
    assert (await stand.claimed(5, claim_id="a"), await stand.claimed(9, claim_id="b")) == (first, second)
    await stand.release(first.claims[1:], sent=True)
    assert await stand.claimed(5, claim_id="a") == first
    await stand.release(first.claims, sent=True)
    anew = await stand.claimed(5, claim_id="a")
    taken = {claim.loop_id for claim in first.claims + second.claims}
    assert len({claim.loop_id for claim in anew.claims} - taken) == 5
    assert await stand.claimed(5, claim_id="b") == second


async def test_a_claim_that_is_over_leaves_nothing_behind(stand: Stand):
    """Claims are many: what is kept of them must end with them, not with a timer."""
    await stand.place(range(20))
    await stand.release(await stand.claim(), sent=True)
    before = await stand.wheel._servers.client.keys(f"{{dw:{stand.shard}}}:*")
    await stand.place(range(20, 40))
    await stand.release(await stand.claim(), sent=True)
    after = await stand.wheel._servers.client.keys(f"{{dw:{stand.shard}}}:*")
    assert set(after) <= set(before)
    assert not [key for key in after if b":claim:" in key or b":held:" in key or b":leases" in key]


async def test_a_wheel_at_another_epoch_hands_out_nothing(stand: Stand):
    await stand.place([1])
    with pytest.raises(EpochNotReady):
        await stand.claimed(epoch="e0")
    await stand.wheel._servers.client.delete(f"{{dw:{stand.shard}}}:epoch")
    with pytest.raises(EpochNotReady):
        await stand.claimed()


async def test_two_claims_never_share_a_loop(stand: Stand):
    await stand.place(range(30))
    claims = [*await stand.claim(20, worker="w1"), *await stand.claim(20, worker="w2")]
    assert sorted(claim.loop_id for claim in claims) == list(range(30))


async def test_a_closed_lane_is_held_and_opens_by_itself(stand: Stand):
    """Nine in the evening: the East closes by one key, the West goes on."""
    await stand.lane(1, open_until_ms=NOW, open_from_ms=NOW + 11 * HOUR)
    await stand.lane(2)
    await stand.place([1], -1)
    await stand.place([2], lane_id=2)
    assert await stand.loops() == [2]
    assert stand.wake_at_ms == NOW + 11 * HOUR
    stand.now_ms += 11 * HOUR - 1
    assert await stand.loops() == []
    stand.now_ms += 1
    assert await stand.loops() == [1]


async def test_what_is_behind_a_pace_is_not_claimed_ahead_of_its_instant(stand: Stand):
    """I13: its token is spent at the claim, so the claim must come when the call may leave."""
    await stand.gate("g:1", interval_us=1_000, burst=100)
    await stand.gate("g:2", max_concurrent=100)
    await stand.lane(1, "bulk", "g:1", "g:2")
    await stand.lane(2, "bulk", "g:2")
    await stand.place([1], 100)
    await stand.place([2], 100, lane_id=2)

    assert await stand.loops(ahead_ms=250) == [2]
    assert stand.wake_at_ms == stand.now_ms + 100
    stand.now_ms += 100
    assert await stand.loops(ahead_ms=250) == [1]


async def test_a_lane_closes_at_its_instant_even_for_claims_ahead(stand: Stand):
    await stand.lane(1, open_until_ms=NOW + 100)
    await stand.place([1], 99)
    await stand.place([2], 100)
    assert await stand.loops(ahead_ms=250) == [1]
    stand.now_ms += 100
    assert await stand.loops() == []
    assert stand.wake_at_ms is None


async def test_a_backlog_is_held_once_its_lane_has_closed(stand: Stand):
    await stand.lane(1, open_until_ms=NOW + 100)
    await stand.place(range(5))
    assert len(await stand.claim(1)) == 1
    stand.now_ms += 100
    assert await stand.loops() == []


async def test_a_closed_lane_spends_no_tokens(stand: Stand):
    await stand.gate("a:1", interval_us=SECOND_US)
    await stand.lane(1, "live", "a:1", open_until_ms=NOW)
    await stand.lane(2, "bulk", "a:1")
    await stand.place([1])
    await stand.place([2], lane_id=2)
    assert await stand.loops() == [2]


async def test_live_lanes_go_first(stand: Stand):
    """I17: beside any backlog the live lead is in the next claim."""
    await stand.place(range(1_000), -HOUR)
    assert len(await stand.claim(100)) == 100
    await stand.lane(2, "live")
    await stand.place([5_000], lane_id=2)
    assert (await stand.loops(1)) == [5_000]


async def test_bulk_keeps_its_floor_beside_a_live_backlog(stand: Stand):
    """I18: at least a tenth of what is given in any running minute, while bulk waits; I17: not much more."""
    await stand.lane(2, "live")
    await stand.place(range(2_000), -HOUR)
    await stand.place(range(2_000, 5_000), -HOUR, lane_id=2)
    given: list[int] = []
    for _ in range(100):
        stand.now_ms += 700
        given += [claim.lane_id for claim in await stand.claim(20)]
    for start in range(0, len(given) - 1_000, 20):
        assert 0.09 <= given[start : start + 1_000].count(1) / 1_000 <= 0.12


async def test_a_quiet_hour_of_bulk_leaves_no_debt(stand: Stand):
    """I17: bulk that comes after a minute of pure live traffic does not overtake it."""
    await stand.lane(2, "live")
    await stand.place(range(10_000, 11_000), -HOUR, lane_id=2)
    for _ in range(10):
        await stand.claim(50)
    await stand.place(range(500), -HOUR)
    assert [claim.lane_id for claim in await stand.claim(50)] == [2] * 50
    assert [claim.lane_id for claim in await stand.claim(50)].count(1) == 5


async def test_lanes_take_turns_by_weight(stand: Stand):
    await stand.lane(1, "callback", weight=3)
    await stand.lane(2, "follow-up", weight=1)
    await stand.place(range(1_000))
    await stand.place(range(1_000, 2_000), lane_id=2)
    given = [claim.lane_id for _ in range(100) for claim in await stand.claim(4)]
    assert given.count(1) == 300


async def test_an_idle_lane_saves_nothing_up(stand: Stand):
    await stand.lane(2)
    await stand.place(range(1_000))
    for _ in range(50):
        await stand.claim(10)
    await stand.place(range(1_000, 2_000), lane_id=2)
    given = [claim.lane_id for _ in range(10) for claim in await stand.claim(10)]
    assert given.count(2) in (50, 60)


async def test_a_throttle_never_gives_more_than_rate_times_t_plus_burst(stand: Stand):
    """I13, in every window, at 50 a second with a burst of 3, over irregular instants."""
    await stand.gate("b:1", interval_us=20_000, burst=3)
    await stand.lane(1, "bulk", "b:1")
    await stand.place(range(500))
    times: list[int] = []
    for step in (0, 1, 19, 20, 45, 3, 200, 1, 1, 60, 1000, 7) * 4:
        stand.now_ms += step
        times += [stand.now_ms] * len(await stand.claim(100))
    for i, start in enumerate(times):
        for j in range(i, len(times)):
            assert j - i + 1 <= (times[j] - start) / 20 + 3
    assert len(times) > 50


async def test_an_idle_throttle_saves_up_its_burst_and_names_the_next_token(stand: Stand):
    await stand.gate("b:1", interval_us=SECOND_US, burst=2)
    await stand.lane(1, "bulk", "b:1")
    await stand.place(range(10))
    assert len(await stand.claim()) == 2
    assert stand.wake_at_ms == NOW + 1_000
    stand.now_ms += 10 * MINUTE
    assert len(await stand.claim()) == 2


async def test_microseconds_are_exact(stand: Stand):
    """Three a second is a token every 333 333 µs; Lua's own 14 digits would lose 100 µs each."""
    await stand.gate("b:1", interval_us=333_333)
    await stand.lane(1, "bulk", "b:1")
    await stand.place(range(10))
    await stand.claim()
    assert stand.wake_at_ms == NOW + 334
    stand.now_ms += 334
    await stand.claim()
    tat = await stand.wheel._servers.client.hget(f"{{dw:{stand.shard}}}:0:rule:b:1", "tat")
    assert int(tat) == (NOW + 334) * 1000 + 333_333


async def test_a_full_gate_gives_no_more_than_its_calls(stand: Stand):
    """I12: concurrency is leases with hard ends, shared by all lanes behind the gate."""
    await stand.gate("g:1", max_concurrent=3)
    await stand.lane(1, "bulk", "g:1")
    await stand.lane(2, "bulk", "g:1")
    await stand.place(range(10))
    await stand.place(range(10, 20), lane_id=2)
    claims = [*await stand.claim(2), *await stand.claim(2), *await stand.claim(2)]
    assert len(claims) == 3
    assert stand.wake_at_ms == NOW + stand.wheel.call_ms

    await stand.release(claims, sent=True)
    assert await stand.claim() == []
    await stand.rang()
    await stand.end(claims[:2])
    assert await stand.rang()
    assert len(await stand.claim()) == 2


async def test_a_call_that_nobody_ends_frees_its_slot_at_its_hard_end(stand: Stand):
    await stand.gate("g:1", max_concurrent=1)
    await stand.lane(1, "bulk", "g:1")
    await stand.place([1, 2])
    await stand.release(await stand.claim(), sent=True)
    stand.now_ms += stand.wheel.call_ms - 1
    assert await stand.loops() == []
    stand.now_ms += 1
    assert await stand.loops() == [2]


async def test_a_lane_behind_a_full_gate_holds_no_other_back(stand: Stand):
    await stand.gate("g:1", max_concurrent=0)
    await stand.lane(1, "live", "g:1")
    await stand.lane(2)
    await stand.place(range(100))
    await stand.place([500], lane_id=2)
    assert await stand.loops() == [500]
    assert stand.wake_at_ms is None


async def test_the_room_a_lane_leaves_goes_to_another_that_waits(stand: Stand):
    """No work sticks until the next add: one is let through, is withdrawn, and the other comes."""
    await stand.gate("g:1", max_concurrent=1)
    for lane_id in range(1, 31):
        await stand.lane(lane_id, "bulk", "g:1")
        await stand.place([lane_id], lane_id=lane_id)
    first = await stand.claim(1)
    assert await stand.claim() == []
    await stand.release(first, sent=False)
    left = set(range(1, 31)) - {first[0].loop_id}
    while left:
        claims = await stand.claim()
        while not claims and stand.wake_at_ms is not None and stand.wake_at_ms <= stand.now_ms:
            claims = await stand.claim()
        assert claims, f"{len(left)} loops stick although the gate has room"
        await stand.release(claims, sent=True)
        await stand.end(claims)
        left -= {claim.loop_id for claim in claims}
        if left:
            gone = left.pop()
            await stand.wheel.withdraw([(stand.shard, gone, gone)], stand.now_ms)


async def test_lanes_that_closed_meanwhile_do_not_keep_the_room_from_others(stand: Stand):
    """One of 600 is open when a call ends; it comes, wherever it stands among those that wait."""
    await stand.crowd(600)
    last = 600 if stand.under_way[0].lane_id != 600 else 599
    await stand.bulk_lanes(set(range(1, 601)) - {last}, open_until_ms=NOW + 1_000)
    await stand.drain()
    await stand.end(stand.under_way)
    stand.now_ms += 1_000
    assert [claim.lane_id for claim in await stand.drain()] == [last]


async def test_more_work_on_a_lane_at_a_full_gate_wakes_nobody(stand: Stand):
    await stand.crowd(2)
    await stand.rang()
    await stand.place([70], lane_id=1)
    await stand.place([71], lane_id=2)
    assert len(await stand.shown()) <= 1
    await stand.drain()
    await stand.rang()
    await stand.place([72], lane_id=1)
    await stand.place([73], lane_id=2)
    assert await stand.shown() == []
    assert not await stand.rang()


async def test_a_live_lane_is_the_first_to_come_back_when_a_call_ends(stand: Stand):
    """I17 behind a full gate."""
    await stand.gate("a:1", max_concurrent=1)
    for lane_id in range(1, 101):
        await stand.lane(lane_id, "bulk", "a:1")
        await stand.place([lane_id], -HOUR, lane_id=lane_id)
    claims = await stand.claim(1)
    await stand.lane(200, "live", "a:1")
    await stand.place([999], lane_id=200)
    while await stand.claim() or (stand.wake_at_ms or 0) <= stand.now_ms:
        pass
    await stand.release(claims, sent=True)
    await stand.end(claims)
    assert await stand.loops() == [999]


async def test_every_one_of_many_lanes_behind_a_throttle_gets_its_turn(stand: Stand):
    """At most 64 lanes are looked at in a call; those beyond must not starve (I18)."""
    await stand.gate("a:1", interval_us=10_000)
    for lane_id in range(1, 151):
        await stand.lane(lane_id, "bulk", "a:1")
    await stand.wheel.place([stand.placing(i, 0, 1 + i % 150) for i in range(3_000)], NOW)
    served: list[int] = []
    for _ in range(300):
        stand.now_ms += 10
        claims = await stand.claim(10)
        while not claims and stand.wake_at_ms is not None and stand.wake_at_ms <= stand.now_ms:
            claims = await stand.claim(10)
        served += [claim.lane_id for claim in claims]
    assert len(served) == 300
    assert max(served.count(lane_id) for lane_id in range(1, 151)) <= 4
    assert len(set(served)) == 150


async def test_a_gate_without_a_rule_lets_nothing_through_until_it_has_one(stand: Stand):
    await stand.lane(1, "bulk", "a:77")
    await stand.place([1])
    assert await stand.loops() == []
    assert await stand.next_wake() is None
    await stand.gate("a:77")
    assert await stand.loops() == [1]


async def test_what_a_gate_lacks_is_checked_before_any_other_gate_pays(stand: Stand):
    await stand.gate("a:1", interval_us=SECOND_US)
    await stand.gate("b:1", max_concurrent=0)
    await stand.lane(1, "bulk", "a:1", "b:1")
    await stand.lane(2, "bulk", "a:1")
    await stand.place([1])
    await stand.place([2], lane_id=2)
    assert await stand.loops() == [2]


async def test_a_claim_takes_no_more_than_its_limit(stand: Stand):
    await stand.place(range(600))
    assert len(await stand.claim(500)) == 500
    with pytest.raises(ValueError, match="1 to 500"):
        await stand.claim(501)


async def test_more_than_one_claim_holds_rings_for_another_dialer(stand: Stand):
    await stand.place(range(10))
    await stand.rang()
    await stand.claim(5)
    assert await stand.rang()
    await stand.claim(5)
    assert not await stand.rang()

"""Who gets how much: weights, live first, bulk's floor, nobody starves. I17, I18; the figures of issue 4."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.wheel import Claim, Gate, Lane, Placing, TimingWheel
from tests.wheel.builders import EPOCH, HOUR, MINUTE, NOW, Stand

SHARE = 0.1
_shards = itertools.count(4_000_000)  # apart from those of the other tests


async def give_out(stand: Stand, for_ms: int, step_ms: int, limit: int = 100) -> list[tuple[int, Claim]]:
    """(instant, claim) of all that is given out while the clock goes on, every call ended at once."""
    given: list[tuple[int, Claim]] = []
    end_ms = stand.now_ms + for_ms
    while stand.now_ms < end_ms:
        stand.now_ms += step_ms
        while claims := await stand.claim(limit):
            given += [(stand.now_ms, claim) for claim in claims]
            await stand.release(claims, sent=True)
            await stand.end(claims)
    return given


def by_lane(given: list[tuple[int, Claim]]) -> Counter[int]:
    return Counter(claim.lane_id for _, claim in given)


def least_in_a_minute(given: list[tuple[int, Claim]], lane_ids: set[int]) -> float:
    """The least share of these lanes in any 60 s that begin with a dial."""
    least, first = 1.0, 0
    for last in range(len(given)):
        if given[last][0] - given[first][0] >= MINUTE:
            window = given[first:last]
            least = min(least, sum(claim.lane_id in lane_ids for _, claim in window) / len(window))
            first += 1
    return least


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_lanes_of_a_class_share_by_weight(stand: Stand, limit: int):
    """1 : 2 : 5 within five per cent, however large the claims."""
    await stand.gate("a:1", interval_us=20_000, burst=5)
    for lane_id, weight in ((1, 1), (2, 2), (3, 5)):
        await stand.lane(lane_id, "bulk", "a:1", weight=weight)
        await stand.place(range(lane_id * 10_000, lane_id * 10_000 + 4_000), -HOUR, lane_id)
    shares = by_lane(await give_out(stand, MINUTE, 100, limit))
    total = sum(shares.values())
    assert total == pytest.approx(3_000, abs=10)
    for lane_id, weight in ((1, 1), (2, 2), (3, 5)):
        assert shares[lane_id] == pytest.approx(total * weight / 8, rel=0.05)


async def test_one_lead_waits_no_longer_beside_a_hundred_thousand_of_the_same_class(stand: Stand):
    await stand.lane(2, "bulk")
    backlog = [stand.placing(loop, -HOUR + loop, was_at_ms=0) for loop in range(100_000)]
    for start in range(0, len(backlog), 10_000):
        await stand.wheel.place(backlog[start : start + 10_000], NOW)
    for _ in range(5):
        await stand.claim(500)
    await stand.place([500_000], lane_id=2)
    assert (await stand.loops(500))[0] == 500_000


async def test_bulk_keeps_its_floor_when_live_leads_take_all_of_the_rate(stand: Stand):
    """I18 with live at 100 % of 20 a second: every 60 s see a tenth of bulk, and I17: hardly more."""
    await stand.gate("a:1", interval_us=50_000, burst=2)
    await stand.lane(1, "bulk", "a:1")
    await stand.lane(2, "live", "a:1")
    await stand.place(range(2_000), -HOUR)
    await stand.place(range(10_000, 18_000), -HOUR, 2)
    given = await give_out(stand, 3 * MINUTE, 100, 50)
    assert len(given) == pytest.approx(3_600, abs=5)
    assert least_in_a_minute(given, {1}) >= SHARE - 0.005
    assert 1 - least_in_a_minute(given, {2}) <= SHARE + 0.005


async def test_the_floor_holds_at_each_account_whatever_the_others_do(stand: Stand):
    """Beside an account whose bulk goes out freely, another's bulk is not starved by its own live leads."""
    for account in (1, 2):
        await stand.gate(f"a:{account}", interval_us=50_000, burst=2)
    await stand.lane(1, "bulk", "a:1")
    await stand.lane(3, "live", "a:2")
    await stand.lane(4, "bulk", "a:2")
    for lane_id in (1, 3, 4):
        await stand.place(range(lane_id * 10_000, lane_id * 10_000 + 3_000), -HOUR, lane_id)
    given = [each for each in await give_out(stand, 2 * MINUTE, 100, 50) if each[1].lane_id != 1]
    assert len(given) == pytest.approx(2_400, abs=5)
    assert least_in_a_minute(given, {4}) >= SHARE - 0.005


async def test_live_leads_that_come_one_by_one_never_wait_behind_bulk(stand: Stand):
    """I17: at half of the rate each is in the very next claim that has a token, but for bulk's tenth."""
    await stand.gate("a:1", interval_us=50_000)
    await stand.lane(1, "bulk", "a:1")
    await stand.lane(2, "live", "a:1")
    await stand.place(range(5_000), -HOUR)
    waits: list[int] = []
    for number in range(300):
        came_ms = stand.now_ms
        await stand.wheel.place([Placing(stand.shard, 2, 10_000 + number, came_ms, 0)], came_ms)
        given = await give_out(stand, 100, 50, 50)
        waits += [at_ms - came_ms for at_ms, claim in given if claim.lane_id == 2]
    assert len(waits) == 300
    assert max(waits) <= 100


async def test_two_hundred_lanes_behind_one_throttle_get_the_same(stand: Stand):
    """I18: nobody starves, though a claim looks at 64 lanes at most."""
    await stand.gate("a:1", interval_us=10_000, burst=3)
    shapes = [
        Lane(lane_id, stand.shard, lane_class, ("a:1",))
        for lane_id, lane_class in zip(range(1, 201), itertools.cycle(("bulk", "callback", "follow-up")))
    ]
    await stand.wheel.shape(shapes, now_ms=NOW)
    await stand.wheel.place([stand.placing(i, -i, 1 + i % 200) for i in range(10_000)], NOW)
    shares = by_lane(await give_out(stand, 20_000, 20))
    assert sum(shares.values()) == pytest.approx(2_000, abs=5)
    assert len(shares) == 200
    assert max(shares.values()) - min(shares.values()) <= 3


async def test_lanes_beyond_those_looked_at_wait_for_the_oldest_and_no_longer(stand: Stand):
    """Without a gate to order them, those that have waited longest take turns: none is passed over."""
    lanes = range(1, 101)
    await stand.wheel.shape([Lane(lane_id, stand.shard, "bulk") for lane_id in lanes], now_ms=NOW)
    loops = [(lane_id, after) for lane_id in lanes for after in range(60)]
    backlog = [
        stand.placing(loop, -HOUR + after * 1_000, lane_id) for loop, (lane_id, after) in enumerate(loops)
    ]
    await stand.wheel.place(backlog, NOW)
    for turn in (20, 40):
        given = [claim.lane_id for claims in [await stand.claim(20) for _ in range(100)] for claim in claims]
        assert Counter(given) == dict.fromkeys(lanes, 20), turn


# each: ms that pass, live leads that come, bulk leads that come, loops claimed at most
steps = st.lists(
    st.tuples(
        st.sampled_from([0, 10, 200, 1_000]), st.integers(0, 40), st.integers(0, 6), st.integers(1, 40)
    ),
    min_size=5,
    max_size=25,
)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=steps, interval_us=st.sampled_from([0, 15_000, 60_000]))
def test_in_any_span_in_which_bulk_waits_it_gets_its_share_but_for_one_claims(
    valkey_url: str, runner: asyncio.Runner, steps: list[tuple[int, int, int, int]], interval_us: int
):
    """I18, and so in any 60 s: the floor is no average over buckets that bulk could fall between."""

    async def play() -> None:
        wheel = await TimingWheel.connect(valkey_url, shards=10**9)
        try:
            shard, now_ms, loops = next(_shards), NOW, itertools.count()
            gates = ("a:1",) if interval_us else ()
            await wheel.open_epoch(shard, EPOCH)
            await wheel.shape(
                [Lane(1, shard, "bulk", gates), Lane(2, shard, "live", gates)],
                [Gate("a:1", shard, interval_us=interval_us or None, burst=10)],
                NOW,
            )
            waiting, most, history = 0, 0, []
            for number, (step_ms, live, bulk, limit) in enumerate(steps):
                now_ms += step_ms
                await wheel.place(
                    [Placing(shard, 1 + (n >= bulk), next(loops), now_ms, 0) for n in range(bulk + live)],
                    now_ms,
                )
                claimed = await wheel.claim(
                    shard, worker="w", claim_id=f"c{shard}-{number}", limit=limit, now_ms=now_ms, wall_ms=NOW,
                    epoch=EPOCH,
                )  # fmt: skip
                to_bulk = sum(claim.lane_id == 1 for claim in claimed.claims)
                waiting += bulk - to_bulk
                most = max(most, limit)
                history.append((waiting > 0, to_bulk, len(claimed.claims)))
            for first in range(len(history)):
                got = given = 0
                for waits, to_bulk, count in history[first:]:
                    if not waits:
                        break
                    got, given = got + to_bulk, given + count
                    assert got >= SHARE * given - SHARE * most - 1
        finally:
            await wheel.close()

    runner.run(play())

"""rate: what API callers may send, counted once for all processes (RELIABILITY 5.1)."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.wheel.rates import Allowance, take
from tests.wheel.builders import Stand

MINUTE_MS = 60_000


async def test_a_minute_s_allowance_may_be_sent_at_once_and_comes_back_evenly(stand: Stand):
    caller = [Allowance("a" * 16, 60)]
    first = await take(stand.wheel, caller, 60, 1_000_000)
    assert (first.count, first.left, first.again_us) == (60, 0, 60_000_000)

    none = await take(stand.wheel, caller, 1, 1_000_000)
    assert (none.count, none.again_us) == (0, 1_000_000)

    later = await take(stand.wheel, caller, 60, 1_003_000)
    assert later.count == 3


async def test_who_lacks_one_of_two_allowances_spends_neither(stand: Stand):
    wide, narrow = Allowance("b" * 16, 600), Allowance("c" * 16, 6)
    assert (await take(stand.wheel, [narrow], 6, 5_000_000)).count == 6
    assert (await take(stand.wheel, [wide, narrow], 1, 5_000_000)).count == 0
    assert (await take(stand.wheel, [wide], 600, 5_000_000)).count == 600


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_min=st.integers(1, 5_000),
    asks=st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 400)), min_size=1, max_size=30),
    salt=st.integers(0, 10**12),
)
async def test_no_span_of_time_lets_more_through_than_burst_and_rate(
    stand: Stand, per_min: int, asks: list[tuple[int, int]], salt: int
):
    caller, now_ms, begun_ms, sent = Allowance(f"d{salt}", per_min), 10**9, 10**9, 0
    for wait_ms, most in asks:
        now_ms += wait_ms
        sent += (await take(stand.wheel, [caller], most, now_ms)).count
        earned = (now_ms - begun_ms) * 1000 // caller.interval_us
        assert sent <= per_min + earned

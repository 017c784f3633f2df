"""extend: the task that sends renews its lease."""

from __future__ import annotations

from tests.wheel.builders import Stand


async def test_an_extended_lease_outlives_its_first_end(stand: Stand):
    """A claim has one lease: whoever holds one of its loops still renews it for all."""
    await stand.place([1, 2, 3])
    claims = await stand.claim(2, claim_id="renewed")
    other = await stand.claim(1, claim_id="left")
    stand.wall_ms += 20_000
    assert await stand.wheel.extend(claims[:1], stand.wall_ms) == []
    stand.wall_ms += 10_000
    assert await stand.reap() == other
    stand.wall_ms += 20_000
    assert await stand.reap() == claims


async def test_a_lost_lease_cannot_be_extended(stand: Stand):
    """The zombie learns that it lost: STALE, and the new holder's lease stays as it is."""
    await stand.place([1])
    lost = await stand.claim()
    stand.wall_ms += stand.wheel.lease_ms
    await stand.reap()
    assert await stand.wheel.extend(lost, stand.wall_ms) == lost
    held = await stand.claim()
    assert await stand.wheel.extend(lost, stand.wall_ms + 99_999) == lost
    stand.wall_ms += stand.wheel.lease_ms
    assert await stand.reap() == held

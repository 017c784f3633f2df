"""expired: what claims hold whose lease has ended, for whoever asks the ledger about it. I12, I16."""

from __future__ import annotations

from tests.wheel.builders import Stand


async def test_what_has_expired_is_told_and_stays_held(stand: Stand):
    await stand.place([1, 2], -5)
    claims = await stand.claim()
    stand.wall_ms += stand.wheel.lease_ms - 1
    assert await stand.expired() == []
    stand.wall_ms += 1

    for _ in range(2):
        assert await stand.expired() == claims
    assert await stand.loops() == []
    assert (await stand.wheel.counts(stand.shard, stand.now_ms)).leased == 2


async def test_no_more_is_told_than_was_asked_for(stand: Stand):
    await stand.place(range(30))
    await stand.claim()
    stand.wall_ms += stand.wheel.lease_ms
    assert len(await stand.expired()) == 10

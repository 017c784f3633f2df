"""pulse: whether a shard is whole and whether anybody serves it."""

from __future__ import annotations

import pytest

from scheduler.errors import EpochNotReady
from scheduler.wheel.looking import Pulse, feel_pulse
from tests.wheel.builders import EPOCH, Stand


async def test_a_shard_tells_its_epoch_and_how_long_ago_a_dialer_claimed(stand: Stand):
    """Work or none: a dialer that asks in vain serves the shard as well."""
    assert await feel_pulse(stand.wheel, stand.shard, stand.wall_ms) == Pulse(EPOCH, None)

    await stand.claim()
    assert await feel_pulse(stand.wheel, stand.shard, stand.wall_ms + 700) == Pulse(EPOCH, 700)

    await stand.place([1])
    stand.wall_ms += 5_000
    await stand.claim()
    assert await feel_pulse(stand.wheel, stand.shard, stand.wall_ms) == Pulse(EPOCH, 0)


async def test_a_shard_that_is_being_rebuilt_is_not_ready_and_a_refused_claim_serves_nobody(stand: Stand):
    await stand.claim()
    await stand.wheel.begin_rebuild(stand.shard)

    with pytest.raises(EpochNotReady):
        await stand.claim()
    assert await feel_pulse(stand.wheel, stand.shard, stand.wall_ms) == Pulse(None, None)

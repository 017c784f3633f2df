"""restore: calls under way take their slots before anything is handed out. I12, F6."""

from __future__ import annotations

import pytest

from tests.wheel.builders import MINUTE, NOW, Stand


async def test_restored_calls_fill_their_gates_until_they_end(stand: Stand):
    await stand.gate("a:1", max_concurrent=2)
    await stand.lane(1, "bulk", "a:1")
    await stand.place(range(5))
    calls = [(("a:1", "g:9"), 77, NOW + MINUTE), ("a:1", 78, NOW + 2 * MINUTE)]
    await stand.wheel.restore_calls(stand.shard, calls)
    await stand.wheel.restore_calls(stand.shard, calls)
    assert await stand.loops() == []
    assert stand.wake_at_ms == NOW + MINUTE
    stand.now_ms += MINUTE
    assert len(await stand.loops()) == 1


async def test_a_gate_that_is_none_is_refused(stand: Stand):
    with pytest.raises(ValueError, match="gate"):
        await stand.wheel.restore_calls(stand.shard, [("shard", 1, NOW)])

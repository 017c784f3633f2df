"""Changes over HTTP: one transaction each, and what their answer promises."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from api.editing import editing
from scheduler.clock import RealClock
from scheduler.ledger.database import Database


async def test_a_change_that_is_said_again_is_answered_as_late_as_the_first_time(database: Database) -> None:
    """I9: whoever lost the answer to a pause of a trunk says it again, and hears that it is in force when
    permits from before the first time are void."""
    clock = RealClock()
    call = cast(
        Any, SimpleNamespace(deps=SimpleNamespace(flow=SimpleNamespace(database=database), clock=clock))
    )
    began_s = clock.monotonic_s()

    async with editing(call) as edit:
        await edit.tell_change("trunk_changed", "trunk:1", {"paused": True}, {"paused": True})

    assert edit.committed_s >= began_s
    async with database.connection() as on:
        assert await on.fetchval("SELECT count(*) FROM audit") == 0

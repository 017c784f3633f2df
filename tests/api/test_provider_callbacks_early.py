"""Reports on calls that the ledger does not know yet: kept, in once it knows (API 7)."""

from __future__ import annotations

import pytest

from dialer.providers.base import ProviderEvent
from scheduler.errors import ServerUnavailable
from tests.api.reporting import Desk
from tests.builders import DAY, phones


@pytest.mark.parametrize("why", ["unknown", "quarantined"])
async def test_a_report_on_a_call_that_the_ledger_forgot_is_kept_until_it_knows(desk: Desk, why: str):
    """API 7: unknown call kept 24 h; the ledger was put back, and its journals have not told yet."""
    world = desk.world
    armed = await world.an_armed_attempt()
    if why == "unknown":
        await world.run("CREATE TABLE aside AS SELECT * FROM attempt")
        await world.run("DELETE FROM attempt")
    else:
        world.flow.standing.quarantined = True

    assert await desk.report(armed.attempt_id, "busy", "1") == 204
    assert await desk.report(armed.attempt_id, "busy", "1") == 204
    assert await desk.inbox.early.take_over() == 0
    if why == "unknown":
        await world.run("INSERT INTO attempt OVERRIDING SYSTEM VALUE SELECT * FROM aside")
    world.flow.standing.quarantined = False

    assert await desk.inbox.early.take_over() == 1
    assert await world.value("SELECT outcome FROM attempt") == "busy"
    assert await world.value("SELECT count(*) FROM early_report") == 0


async def test_a_kept_report_that_cannot_be_taken_in_holds_up_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    world = desk.world
    one, other = [await world.an_armed_attempt(number) for number in phones(2)]
    world.flow.standing.quarantined = True
    for armed in (one, other):
        assert await desk.report(armed.attempt_id, "busy") == 204
    world.flow.standing.quarantined = False
    commit = desk.inbox._commit

    async def refused_once(events: list[ProviderEvent]) -> set[int]:
        if events[0].attempt_id == one.attempt_id:
            raise ServerUnavailable("not this one")
        return await commit(events)

    with monkeypatch.context() as patch:
        patch.setattr(desk.inbox, "_commit", refused_once)
        assert await desk.inbox.early.take_over() == 1
    assert [await world.value("SELECT attempt_id FROM early_report")] == [one.attempt_id]
    assert await desk.inbox.early.take_over() == 1
    assert await world.value("SELECT count(*) FROM attempt WHERE outcome = 'busy'") == 2


async def test_stop_from_a_call_that_nobody_knows_is_not_acknowledged(desk: Desk):
    """DESIGN 5.5: what forbids a call is in force when it is answered, or it is 503."""
    assert await desk.report(4711, "completed", disposition="dnc") == 503
    assert await desk.world.value("SELECT count(*) FROM early_report") == 1


async def test_a_report_that_nobody_can_place_is_forgotten_after_a_day(desk: Desk):
    world = desk.world
    assert await desk.report(4711, "busy") == 204
    world.pass_time(DAY)
    await desk.inbox.early.take_over()
    assert await world.value("SELECT count(*) FROM early_report") == 1

    world.pass_time(1)
    await desk.inbox.early.take_over()

    assert await world.value("SELECT count(*) FROM early_report") == 0

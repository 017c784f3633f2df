"""Pause and resume: the W rule, and no burst afterwards."""

from __future__ import annotations

from uuid import uuid4

import msgspec
import pytest

from scheduler.clock import Clock
from scheduler.domain.time import MINUTE, SECOND
from scheduler.errors import Refused
from scheduler.flow.arm import arm
from scheduler.flow.pause import Scope, resume, until_permits_are_void
from scheduler.ledger.audit import Actor
from scheduler.wheel import Claimed
from tests.api.builders import LONG_PERMIT_S, Site, a_lead


async def claim(site: Site, claim_id: str = "c1", limit: int = 100) -> Claimed:
    return await site.flow.wheel.claim(
        0,
        worker="w",
        claim_id=claim_id,
        limit=limit,
        now_ms=site.clock.now_ms(),
        wall_ms=site.clock.wall_ms(),
        epoch="e1",
    )


async def leads_due(site: Site, count: int, priority: str = "bulk") -> None:
    for last in range(100, 100 + count):
        body = a_lead(phone=f"+12125550{last}", priority=priority, agent_id=site.agent)
        assert (await site.post("/v1/leads", body)).status == 201


async def test_after_a_pause_the_wheel_hands_out_nothing_and_after_the_resume_it_does(site: Site):
    """I9; MISSION D: everything can be stopped at once."""
    await leads_due(site, 1, "live")

    paused = await site.post("/v1/account/pause", {"reason": "carrier outage"})

    assert paused.status == 200
    account = await paused.json()
    assert (account["paused"], account["pause_reason"]) == (True, "carrier outage")
    assert (await claim(site, "c1")).claims == []
    resumed = await (await site.post("/v1/account/resume", {})).json()
    assert (resumed["paused"], resumed["pause_reason"]) == (False, None)
    assert len((await claim(site, "c2")).claims) == 1


async def test_what_was_claimed_before_the_pause_gets_no_permit_after_it(site: Site):
    """I9: the ledger decides, whatever the wheel has handed out."""
    await leads_due(site, 1, "live")
    before = await claim(site)
    assert len(before.claims) == 1

    await site.post("/v1/account/pause", {"reason": "stop"})
    result = await arm(
        site.flow, site.database, before.claims, worker="w", permit=uuid4(), now_ms=site.clock.now_ms()
    )

    assert result.armed == []
    assert result.reasons == {"account_paused": 1}
    assert await site.rows("SELECT 1 FROM arm") == []


@pytest.mark.parametrize("permit_s", [LONG_PERMIT_S])
async def test_the_pause_is_answered_only_when_every_older_permit_is_void(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    """RELIABILITY 3.3.1: what read the old state before the commit may send for W, so the answer waits that
    long. A lower bound, so it holds on any machine; a slow one would be late without a wait as well."""
    waits = []

    async def waited(clock: Clock, committed_s: float, permit_s: float) -> None:
        await until_permits_are_void(clock, committed_s, permit_s)
        waits.append(permit_s)

    monkeypatch.setattr("scheduler.flow.pause.until_permits_are_void", waited)
    began_s = site.clock.monotonic_s()

    await site.post("/v1/account/pause", {"reason": "stop"})

    assert site.clock.monotonic_s() - began_s >= LONG_PERMIT_S
    assert waits == [LONG_PERMIT_S]


async def test_calls_held_back_start_again_spread_over_the_stretch_live_ones_first(site: Site):
    await leads_due(site, 40)
    live = a_lead(phone="+12125550199", agent_id=site.agent)
    await site.post("/v1/leads", live)
    await site.post("/v1/account/pause", {"reason": "stop"})
    site.clock.move_to(site.clock.now_ms() + 5 * MINUTE)

    await site.post("/v1/account/resume", {"spread_over_s": 600})

    now_ms = site.clock.now_ms()
    rows = await site.rows(
        "SELECT (extract(epoch FROM next_at) * 1000)::bigint AS at, class, why "
        "FROM loop JOIN lane USING (lane_id)"
    )
    bulk = sorted(row["at"] - now_ms for row in rows if row["class"] == "bulk")
    assert len(bulk) == 40
    assert bulk[0] >= 0
    assert bulk[-1] < 600 * SECOND
    assert all(
        sum(start <= at < start + 150_000 for at in bulk) >= 3 for start in (0, 150_000, 300_000, 450_000)
    )
    assert [row["at"] for row in rows if row["class"] == "live"] == [now_ms - 5 * MINUTE]
    last = msgspec.json.decode(next(row["why"] for row in rows if row["class"] == "bulk"))[-1]
    assert (last["rule"], last["effect"]) == ("pause", "moved")


async def test_a_moved_call_is_claimed_and_armed_at_its_new_instant(site: Site):
    """The wheel and the ledger agree to the millisecond: an arm refuses any other instant as stale."""
    await leads_due(site, 10)
    await site.post("/v1/account/pause", {"reason": "stop"})
    site.clock.move_to(site.clock.now_ms() + MINUTE)
    await site.post("/v1/account/resume", {"spread_over_s": 60})
    site.clock.move_to(site.clock.now_ms() + MINUTE)

    claimed = await claim(site)
    result = await arm(
        site.flow, site.database, claimed.claims, worker="w", permit=uuid4(), now_ms=site.clock.now_ms()
    )

    assert len(result.armed) == 10, result.reasons


async def test_the_spread_stays_within_the_hours(site: Site):
    await leads_due(site, 20)
    await site.post("/v1/account/pause", {"reason": "stop"})
    site.clock.move_to(
        site.clock.now_ms() + 3 * 60 * MINUTE + 55 * MINUTE
    )  # 17:55, the agent closes at 18:00

    await site.post("/v1/account/resume", {"spread_over_s": 3600})

    (row,) = await site.rows(
        "SELECT count(*) AS n, bool_and(next_at <= open_until - interval '120 s') AS ok FROM loop"
    )
    assert (row["n"], row["ok"]) == (20, True)


async def test_pausing_twice_keeps_the_newer_reason_and_resuming_twice_changes_nothing(site: Site):
    await site.post("/v1/account/pause", {"reason": "one"})
    again = await (await site.post("/v1/account/pause", {"reason": "two"})).json()
    assert again["pause_reason"] == "two"

    first = await site.post("/v1/account/resume")
    second = await site.post("/v1/account/resume")

    assert (first.status, second.status) == (200, 200)
    actions = await site.rows("SELECT action, actor, request_id FROM audit ORDER BY audit_id")
    assert [row["action"] for row in actions] == ["dialing_paused", "dialing_paused", "dialing_resumed"]
    assert all(row["actor"].startswith("key:") and row["request_id"] for row in actions)


async def test_a_pause_that_comes_during_a_resume_is_not_lifted_by_it(site: Site):
    """I9: the pause was answered; a resume that began before it may not undo it."""
    await site.post("/v1/account/pause", {"reason": "one"})
    place = site.flow.place

    async def paused_meanwhile(*arguments: object) -> None:
        await site.rows("UPDATE account SET version = version + 1, pause_reason = 'two'")
        await place(*arguments)  # type: ignore[arg-type]

    object.__setattr__(site.flow, "place", paused_meanwhile)

    with pytest.raises(Refused):
        await resume(
            site.flow,
            site.clock,
            Scope("account", site.home.account_id, site.home.account_id),
            spread_over_s=60,
            actor=Actor("test"),
        )

    account = await (await site.get("/v1/account")).json()
    assert (account["paused"], account["pause_reason"]) == (True, "two")


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": 1}, {"reason": "x" * 501}])
async def test_a_pause_without_a_reason_is_refused_and_pauses_nothing(site: Site, body: dict):
    reply = await site.post("/v1/account/pause", body)

    assert reply.status == 422
    assert (await (await site.get("/v1/account")).json())["paused"] is False


@pytest.mark.parametrize("permit_s", [LONG_PERMIT_S])
@pytest.mark.parametrize(
    "change", ["trunk", "caller id", "pool", "agent", "windows", "closure", "start", "cancel"]
)
async def test_a_change_is_answered_only_when_every_older_permit_is_void(site: Site, change: str):
    """I9 I10, RELIABILITY 3.3.1: so that nothing under the old settings leaves after the answer."""
    trunk = await (await site.post("/v1/trunks", {"name": "East"})).json()
    number = await (await site.post("/v1/caller-ids", {"phone": "+12125550190"})).json()
    pool = await (
        await site.post("/v1/caller-id-pools", {"name": "East", "caller_ids": [number["id"]]})
    ).json()
    batch = await (await site.post("/v1/batches", {"name": "June", "agent_id": site.agent})).json()
    method, path, body = {
        "trunk": ("PATCH", f"/v1/trunks/{trunk['id']}", {"paused": True}),
        "caller id": ("PATCH", f"/v1/caller-ids/{number['id']}", {"status": "paused"}),
        "pool": ("PATCH", f"/v1/caller-id-pools/{pool['id']}", {"caller_ids": []}),
        "agent": ("PATCH", f"/v1/agents/{site.agent}", {"trunk_id": trunk["id"]}),
        "windows": ("PUT", "/v1/account/windows", {"mon": {"ranges": [{"start": "09:00", "end": "10:00"}]}}),
        "closure": (
            "POST",
            "/v1/compliance/closures",
            {"ends_at": "2026-06-20T12:00:00Z", "reason": "flood"},
        ),
        "start": ("PATCH", f"/v1/batches/{batch['id']}", {"throttle": {"start_at": "2026-06-20T12:00:00Z"}}),
        "cancel": ("POST", f"/v1/batches/{batch['id']}/cancel", None),
    }[change]
    began_s = site.clock.monotonic_s()

    answer = await site.send(method, path, json=body, headers={"If-Match": "*"})

    assert answer.ok, await answer.text()
    assert site.clock.monotonic_s() - began_s >= LONG_PERMIT_S

"""The next attempt of a loop skipped, or set for another time (API 5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.instants import utc_ms
from scheduler.domain.time import HOUR, MINUTE
from tests.api.builders import Site, a_tenant
from tests.api.test_attempts import a_call, loop_of, result
from tests.api.test_lead_changes import claims, give_back, permit, take_in

LATER = "2026-06-17T15:30:00.000Z"  # 11:30 in New York


async def change(site: Site, loop: dict[str, Any], what: str, status: int = 200, **said: Any) -> Any:
    reply = await site.post(f"/v1/loops/{loop['id']}/{what}", said)
    assert reply.status == status, await reply.text()
    return await reply.json()


async def a_loop(site: Site, **fields: Any) -> tuple[Any, Any]:
    lead = await take_in(site, agent_id=site.agent, **fields)
    return lead, await loop_of(site, lead["id"])


async def test_a_skipped_attempt_keeps_its_number_and_the_loop_goes_on_to_the_next(site: Site):
    lead, loop = await a_loop(site)
    held = await claims(site)

    skipped = await change(site, loop, "skip", reason="he is in court")

    assert (await permit(site, held)).armed == [], "a claim of before does not dial"
    assert (skipped["status"], skipped["attempts_count"]) == ("scheduled", 1)
    assert skipped["next_at"] > loop["next_at"]
    [attempt] = (await (await site.get(f"/v1/attempts?loop_id={loop['id']}")).json())["data"]
    assert (attempt["status"], attempt["number"], attempt["outcome"]) == ("skipped", 1, None)
    assert (await (await site.get("/v1/attempts?status=skipped&count=exact")).json())["count"] == 1
    planned = (await (await site.get(f"/v1/leads/{lead['id']}")).json())["next_attempt"]
    assert planned["at"] == skipped["next_at"]
    actions = (await (await site.get(f"/v1/audit?target={loop['id']}")).json())["data"]
    assert actions[0]["action"] == "attempt_skipped"
    path = f"/v1/attempts/{attempt['id']}"
    for reply in (await site.get(f"{path}/record"), await site.post(f"{path}/result", {"outcome": "busy"})):
        assert (reply.status, "was skipped" in (await reply.json())["detail"]) == (409, True)
    again = await change(site, loop, "skip")
    assert (again["attempts_count"], again["next_at"] > skipped["next_at"]) == (2, True)


async def test_what_is_skipped_before_its_time_ended_when_it_was_skipped(site: Site):
    _, loop = await a_loop(site)
    second = (await change(site, loop, "skip"))["next_at"]
    now = str(utc_ms(site.clock.now_ms()))
    assert second > now

    third = (await change(site, loop, "skip"))["next_at"]

    [_, attempt] = (await (await site.get(f"/v1/attempts?loop_id={loop['id']}&order=asc")).json())["data"]
    assert (attempt["status"], attempt["due_at"], attempt["ended_at"]) == ("skipped", second, now)
    assert third > second, "it counts from its time all the same"


async def test_each_change_of_a_loop_is_told_by_its_updated_at(site: Site):
    """API 4."""
    lead, loop = await a_loop(site)
    back = {"lead_id": lead["id"], "at": LATER}
    changes: list[tuple[str, dict[str, Any]]] = [
        *((f"/v1/loops/{loop['id']}/{what}", {}) for what in ("pause", "resume", "skip")),
        (f"/v1/loops/{loop['id']}/reschedule", {"at": LATER}),
        ("/v1/callbacks", back),
        (f"/v1/loops/{loop['id']}/end", {}),
    ]
    for path, said in changes:
        site.clock.move_to(site.clock.now_ms() + MINUTE)
        assert (await site.post(path, said)).ok, path
        after = await (await site.get(f"/v1/loops/{loop['id']}")).json()
        assert (path, after["updated_at"]) == (path, utc_ms(site.clock.now_ms()))
    assert after["updated_at"] == after["ended_at"]


async def test_a_loop_whose_last_attempt_is_skipped_is_over(site: Site):
    _, loop = await a_loop(site)
    for _ in range(6):
        assert (await change(site, loop, "skip"))["status"] == "scheduled"
    assert (await change(site, loop, "skip"))["end_reason"] == "max_attempts"
    assert (await change(site, loop, "skip", 409))["code"] == "state-conflict"


async def test_a_step_of_a_cadence_that_is_skipped_leads_to_the_step_after_it(site: Site):
    """C: the schedule keeps its times."""
    steps = [{"name": "a", "delay_after_s": 7200}, {"name": "b", "delay_after_s": 3600}, {"name": "c"}]
    cadence = await (await site.post("/v1/cadences", {"name": "three", "steps": steps})).json()
    await site.post(f"/v1/cadences/{cadence['id']}/publish", {})
    _, loop = await a_loop(site, cadence_id=cadence["id"])
    assert loop["next_at"] == "2026-06-16T18:00:00.000Z"

    assert (await change(site, loop, "skip"))["next_at"] == "2026-06-16T20:00:00.000Z"
    assert (await change(site, loop, "skip"))["next_at"] == "2026-06-16T21:00:00.000Z"
    assert (await change(site, loop, "skip"))["end_reason"] == "cadence_complete"


async def test_the_next_attempt_is_made_when_it_was_set_for(site: Site):
    lead, loop = await a_loop(site)
    held = await claims(site)

    moved = await change(site, loop, "reschedule", at=LATER, reason="asked by mail")

    assert (moved["status"], moved["next_at"], moved["attempts_count"]) == ("scheduled", LATER, 0)
    assert (await permit(site, held)).armed == [], "a claim of before does not dial"
    why = (await (await site.get(f"/v1/leads/{lead['id']}")).json())["why"]
    assert ("manual", "set") in [(line["rule"], line["effect"]) for line in why]
    assert await change(site, loop, "reschedule", at=LATER) == moved

    await give_back(site, held)
    soon = await change(site, loop, "reschedule", at="2026-06-16T18:00:00Z")
    assert soon["next_at"] == "2026-06-16T18:00:00.000Z"
    [armed] = (await permit(site, await claims(site))).armed
    attempt = site.deps.ids.write("att", armed.attempt_id)
    assert (await (await site.get(f"/v1/attempts/{attempt}")).json())["kind"] == "first"
    await result(site, attempt, outcome="busy")
    after = await loop_of(site, lead["id"])
    assert after["next_at"] < LATER, "what was set is over with that attempt"


async def test_a_change_of_settings_keeps_the_time_that_was_set(site: Site):
    _, loop = await a_loop(site)
    await change(site, loop, "reschedule", at="2026-06-16T19:00:00Z")
    await site.rows("UPDATE agent SET policy_version = policy_version + 1")
    site.clock.move_to(site.clock.now_ms() + HOUR)

    assert len((await permit(site, await claims(site))).armed) == 1


async def test_outside_the_law_s_hours_it_is_refused_with_the_next_time_that_is_allowed(site: Site):
    """API 2: `outside-statutory-hours`. A person named an instant: another one is theirs to choose."""
    _, loop = await a_loop(site)

    refused = await change(site, loop, "reschedule", 409, at="2026-06-17T03:30:00Z")  # 23:30 there

    assert refused["code"] == "outside-statutory-hours"
    allowed = refused["hint"].split()[-1]
    assert "2026-06-17T13:00:00.000Z" <= allowed <= "2026-06-17T13:15:00.000Z"
    assert (await (await site.get(f"/v1/loops/{loop['id']}")).json())["next_at"] == loop["next_at"]
    assert (await change(site, loop, "reschedule", at=allowed))["next_at"] == allowed


async def test_our_own_hours_move_it_to_their_next_opening(site: Site):
    _, loop = await a_loop(site)

    moved = await change(site, loop, "reschedule", at="2026-06-16T23:00:00Z")  # 19:00 there: lawful, not ours

    assert "2026-06-17T13:00:00.000Z" <= moved["next_at"] <= "2026-06-17T13:15:00.000Z"


async def test_above_a_cap_it_is_refused(site: Site):
    await site.send(
        "PATCH",
        "/v1/account",
        json={"frequency_caps": [{"max": 1, "window_s": 86_400, "channels": ["call"], "scope": "person"}]},
        headers={"If-Match": (await site.get("/v1/account")).headers["ETag"]},
    )
    lead, attempt = await a_call(site)
    await result(site, attempt, outcome="busy")
    loop = await loop_of(site, lead)

    refused = await change(site, loop, "reschedule", 409, at="2026-06-16T20:00:00Z")

    assert refused["code"] == "frequency-cap"


async def test_a_callback_moves_with_its_loop_and_goes_with_what_is_skipped(site: Site):
    lead, loop = await a_loop(site)
    made = await (await site.post("/v1/callbacks", {"lead_id": lead["id"], "at": LATER})).json()
    friday = "2026-06-19T15:30:00.000Z"

    await change(site, loop, "reschedule", at=friday)
    moved = await (await site.get(f"/v1/callbacks/{made['id']}")).json()
    assert (moved["at"], moved["planned_at"]) == (friday, friday)

    await change(site, loop, "skip")
    assert (await (await site.get(f"/v1/callbacks/{made['id']}")).json())["status"] == "canceled"
    assert (await loop_of(site, lead["id"]))["status"] == "scheduled"


@pytest.mark.parametrize("what", ["skip", "reschedule"])
async def test_a_call_under_way_is_left_alone(site: Site, what: str):
    lead, _ = await a_call(site)
    loop = await loop_of(site, lead)
    said = {} if what == "skip" else {"at": LATER}

    assert (await change(site, loop, what, 409, **said))["code"] == "lead-busy"


@pytest.mark.parametrize("what", ["skip", "reschedule"])
async def test_a_claim_races_the_change_and_either_dials_before_it_or_not_at_all(site: Site, what: str):
    """I8's like: whoever takes the lead's row first wins, and the other one knows."""
    said = {} if what == "skip" else {"at": LATER}
    won = {"dialer": 0, "change": 0}
    for number in range(12):
        _, loop = await a_loop(site, phone=f"+121255501{number:02d}")
        held = await claims(site)
        armed, reply = await asyncio.gather(
            permit(site, held), site.post(f"/v1/loops/{loop['id']}/{what}", said)
        )
        if armed.armed:
            won["dialer"] += 1
            assert reply.status == 409
        else:
            won["change"] += 1
            assert reply.status == 200
    assert sum(won.values()) == 12


async def test_a_paused_loop_has_no_next_attempt(site: Site):
    _, loop = await a_loop(site)
    await site.post(f"/v1/loops/{loop['id']}/pause", {})
    for what, said in (("skip", {}), ("reschedule", {"at": LATER})):
        assert (await change(site, loop, what, 409, **said))["code"] == "state-conflict"


@pytest.mark.parametrize(
    "at", ["2026-06-15T00:00:00Z", "2030-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "soon"]
)
async def test_a_time_that_makes_no_sense_is_422(site: Site, at: str):
    _, loop = await a_loop(site)
    await change(site, loop, "reschedule", 422, at=at)


async def test_another_account_s_loop_is_not_there(site: Site):
    """I24."""
    _, loop = await a_loop(site)
    other = await a_tenant(site.database, "other")
    for what, said in (("skip", {}), ("reschedule", {"at": LATER})):
        reply = await site.post(f"/v1/loops/{loop['id']}/{what}", said, key=other.key)
        assert reply.status == 404

"""Attempts and loops as lists, and results by hand (API 5)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from api.instants import utc_ms
from scheduler.flow.arm import arm
from tests.api.builders import PHONE, Site, a_lead, a_tenant
from tests.api.test_pause import claim


async def a_call(site: Site, **fields: Any) -> tuple[str, str]:
    """A lead that is being called just now, and the attempt."""
    lead = await (await site.post("/v1/leads", a_lead(**{"agent_id": site.agent, **fields}))).json()
    claimed = await claim(site, uuid4().hex)
    armed = await arm(
        site.flow, site.database, claimed.claims, worker="w", permit=uuid4(), now_ms=site.clock.now_ms()
    )
    [one] = armed.armed
    return lead["id"], site.deps.ids.write("att", one.attempt_id)


async def result(site: Site, attempt: str, status: int = 200, **said: Any) -> dict:
    reply = await site.post(f"/v1/attempts/{attempt}/result", said)
    assert reply.status == status, await reply.text()
    return await reply.json()


async def loop_of(site: Site, lead: str) -> dict:
    [loop] = (await (await site.get(f"/v1/loops?lead_id={lead}")).json())["data"]
    return loop


async def test_a_result_by_hand_ends_a_call_under_way_and_plans_what_comes_next(site: Site):
    lead, attempt = await a_call(site)
    assert (await (await site.get(f"/v1/attempts/{attempt}")).json())["status"] == "initiated"
    done = await result(site, attempt, outcome="not_reached", talk_s=0)
    assert (done["status"], done["outcome"], done["talk_s"]) == ("ended", "not_reached", 0)
    loop = await loop_of(site, lead)
    assert (loop["status"], loop["attempts_count"]) == ("scheduled", 1)
    assert loop["next_at"] is not None
    again = await result(site, attempt, outcome="not_reached", talk_s=0)
    assert again == done
    assert (await loop_of(site, lead))["attempts_count"] == 1


async def test_an_attempt_tells_when_it_was_begun_and_last_changed(site: Site):
    """API 4."""
    begun = site.clock.now_ms()
    lead, attempt = await a_call(site)
    first = await (await site.get(f"/v1/attempts/{attempt}")).json()
    assert first["created_at"] == first["updated_at"] == utc_ms(begun)
    site.clock.move_to(begun + 60_000)
    ended = await result(site, attempt, outcome="not_reached")
    assert (ended["created_at"], ended["updated_at"]) == (utc_ms(begun), utc_ms(begun + 60_000))
    site.clock.move_to(begun + 120_000)
    said = await result(site, attempt, talk_s=3)
    assert (said["updated_at"], said["ended_at"]) == (utc_ms(begun + 120_000), ended["ended_at"])
    site.clock.move_to(begun + 180_000)
    assert await result(site, attempt, talk_s=3) == said, "again"
    past, planned = (
        entry["attempt"]
        for entry in (await (await site.get(f"/v1/leads/{lead}/timeline")).json())["data"]
        if "attempt" in entry
    )
    assert (past["id"], past["updated_at"]) == (attempt, said["updated_at"])
    assert [planned[name] for name in ("id", "created_at", "updated_at")] == [None, None, None]


async def test_what_a_conversation_meant_ends_the_loop_of_a_call_that_is_over(site: Site):
    lead, attempt = await a_call(site)
    await result(site, attempt, outcome="completed")
    await result(site, attempt, disposition="converted")
    loop = await loop_of(site, lead)
    assert (loop["status"], loop["end_reason"]) == ("ended", "converted")
    assert (await (await site.get(f"/v1/leads/{lead}")).json())["status"] == "converted"


async def test_who_said_stop_is_never_called_again(site: Site):
    """I8."""
    lead, attempt = await a_call(site)
    await result(site, attempt, outcome="completed", disposition="dnc")
    assert (await (await site.get(f"/v1/leads/{lead}")).json())["status"] == "opted_out"
    check = await (await site.post("/v1/dnc/check", {"phones": [PHONE]})).json()
    assert check["data"][0]["own_word"] is True


async def test_stop_said_of_a_call_that_was_over_counts_as_well(site: Site):
    lead, attempt = await a_call(site)
    await result(site, attempt, outcome="not_reached")
    await result(site, attempt, disposition="complaint")
    assert (await loop_of(site, lead))["end_reason"] == "dnc"


async def test_a_callback_that_was_asked_for_is_planned_for_its_time(site: Site):
    lead, attempt = await a_call(site)
    await result(site, attempt, outcome="completed")
    wanted = "2026-07-16T15:30:00.000Z"
    shown = await result(site, attempt, disposition="callback", callback_at=wanted)
    assert shown["disposition"] == "callback"
    loop = await loop_of(site, lead)
    assert (loop["status"], loop["next_at"]) == ("waiting_callback", wanted)


async def test_what_the_network_reported_is_never_contradicted(site: Site):
    _, attempt = await a_call(site)
    await result(site, attempt, outcome="busy")
    refused = await result(site, attempt, 409, outcome="completed")
    assert refused["code"] == "state-conflict"
    assert (await (await site.get(f"/v1/attempts/{attempt}")).json())["outcome"] == "busy"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"outcome": "great"},
        {"disposition": "No Way"},
        {"disposition": ""},
        {"talk_s": -1},
        {"callback_at": "9999-01-01T00:00:00Z"},
        {"callback_at": "2027-07-01T00:00:00Z"},
        {"callback_at": "soon"},
    ],
)
async def test_a_result_that_makes_no_sense_is_422(site: Site, said: dict):
    _, attempt = await a_call(site)
    await result(site, attempt, 422, **said)


async def test_lists_are_narrowed_and_paged_newest_first(site: Site):
    calls = [await a_call(site, phone=f"+1212555012{n}") for n in range(3)]
    await result(site, calls[0][1], outcome="busy")
    everything = await (await site.get("/v1/attempts?count=exact")).json()
    assert [one["id"] for one in everything["data"]] == [attempt for _, attempt in reversed(calls)]
    assert everything["count"] == 3
    narrowed = {
        "status=ended": [calls[0][1]],
        "outcome=busy": [calls[0][1]],
        "status=initiated&order=asc": [calls[1][1], calls[2][1]],
        f"lead_id={calls[2][0]}": [calls[2][1]],
        f"lead_id={calls[2][0]}&lead_id={calls[0][0]}": [calls[2][1], calls[0][1]],
        "channel=sms": [],
        "due_at.lt=2001-01-01T00:00:00Z": [],
        "lead_id=lead_nobody": [],
    }
    for query, wanted in narrowed.items():
        found = await (await site.get(f"/v1/attempts?{query}")).json()
        assert [one["id"] for one in found["data"]] == wanted, query
    first = await (await site.get("/v1/attempts?limit=2")).json()
    rest = await (await site.get(f"/v1/attempts?limit=2&cursor={first['next_cursor']}")).json()
    assert (len(first["data"]), len(rest["data"]), rest["has_more"]) == (2, 1, False)
    loops = await (await site.get("/v1/loops?status=scheduled&count=exact")).json()
    assert ([one["lead_id"] for one in loops["data"]], loops["count"]) == ([calls[0][0]], 1)
    dialing = await (await site.get("/v1/loops?status=dialing&limit=1")).json()
    assert (dialing["data"][0]["lead_id"], dialing["has_more"]) == (calls[2][0], True)


async def test_another_account_s_attempts_and_loops_are_not_there(site: Site):
    """I24."""
    lead, attempt = await a_call(site)
    loop = await loop_of(site, lead)
    other = await a_tenant(site.database, "other")
    for path in (f"/v1/attempts/{attempt}", f"/v1/loops/{loop['id']}"):
        assert (await site.get(path, key=other.key)).status == 404
    reply = await site.post(f"/v1/attempts/{attempt}/result", {"outcome": "busy"}, key=other.key)
    assert reply.status == 404
    for path in ("/v1/attempts", "/v1/loops", f"/v1/attempts?lead_id={lead}"):
        assert (await (await site.get(path, key=other.key)).json())["data"] == []


async def test_a_loop_is_stopped_goes_on_and_is_ended_each_in_force_when_answered(site: Site):
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    loop = (await loop_of(site, lead["id"]))["id"]
    stopped = await (await site.post(f"/v1/loops/{loop}/pause", {"reason": "on holiday"})).json()
    assert (stopped["status"], stopped["next_at"]) == ("paused", None)
    assert (await claim(site)).claims == []
    assert (await site.post(f"/v1/loops/{loop}/pause", {})).status == 200, "again changes nothing"

    going = await (await site.post(f"/v1/loops/{loop}/resume", {})).json()
    assert (going["status"], going["next_at"] is None) == ("scheduled", False)
    assert len((await claim(site, "c2")).claims) == 1

    ended = await (await site.post(f"/v1/loops/{loop}/end", {})).json()
    assert (ended["status"], ended["end_reason"]) == ("ended", "removed")
    assert (await site.post(f"/v1/loops/{loop}/end", {})).status == 200
    for change in ("pause", "resume"):
        assert (await site.post(f"/v1/loops/{loop}/{change}", {})).status == 409
    actions = (await (await site.get(f"/v1/audit?target={loop}")).json())["data"]
    assert [line["action"] for line in actions] == ["loop_ended", "loop_resumed", "loop_paused"]


async def test_a_pause_during_a_call_is_refused_and_an_end_is_not(site: Site):
    lead, _ = await a_call(site)
    loop = (await loop_of(site, lead))["id"]
    refused = await site.post(f"/v1/loops/{loop}/pause", {})
    assert (refused.status, (await refused.json())["code"]) == (409, "lead-busy")
    assert (await site.post(f"/v1/loops/{loop}/end", {})).status == 200


async def test_a_lead_has_one_loop_at_a_time_and_another_when_that_is_over(site: Site):
    """I3."""
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    refused = await site.post("/v1/loops", {"lead_id": lead["id"]})
    assert (refused.status, (await refused.json())["code"]) == (409, "loop-already-active")
    first = (await loop_of(site, lead["id"]))["id"]
    await site.post(f"/v1/loops/{first}/end", {})
    begun = await site.post("/v1/loops", {"lead_id": lead["id"], "agent_id": site.agent})
    body = await begun.json()
    assert (begun.status, body["status"], body["lead_id"]) == (201, "scheduled", lead["id"])
    assert body["id"] != first

    await site.post(f"/v1/loops/{body['id']}/end", {})
    await site.post("/v1/dnc/entries", {"phone": PHONE})
    assert (await site.post("/v1/loops", {"lead_id": lead["id"], "agent_id": site.agent})).status == 409


@pytest.mark.parametrize(
    "body",
    [{}, {"lead_id": "lead_nobody"}, {"lead_id": 5}, {"lead_id": "x" * 40}],
)
async def test_a_loop_of_nobody_is_422(site: Site, body: dict):
    assert (await site.post("/v1/loops", body)).status == 422

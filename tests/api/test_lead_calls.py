"""POST /v1/leads/{id}/call: asked for over HTTP; what comes of it is in tests/flow/test_manual_call.py."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.domain.time import HOUR
from tests.api.builders import OTHER_PHONE, PHONE, Site, a_lead, a_tenant
from tests.api.test_lead_changes import claims, permit, take_in


async def ask(site: Site, lead: dict[str, Any], **body: Any) -> Any:
    return await site.post(f"/v1/leads/{lead['id']}/call", body)


async def test_a_lead_is_called_at_once_and_the_answer_shows_the_attempt(site: Site):
    """MISSION D33: at any time, by API."""
    lead = await take_in(site, agent_id=site.agent)
    site.clock.move_to(site.clock.now_ms() + 6 * HOUR)  # 20:00 in New York

    reply = await ask(site, lead)
    shown = await reply.json()

    assert reply.status == 202
    assert (shown["kind"], shown["status"], shown["due_at"]) == ("manual", "due", "2026-06-17T00:00:00.000Z")
    assert [line["rule"] for line in shown["why"]] == ["manual", "dialer_window"]
    assert (await ask(site, lead)).status == 202
    [armed] = (await permit(site, await claims(site))).armed
    assert armed.phone == PHONE
    assert (shown["id"], reply.headers["Location"]) == (None, f"/v1/loops/{shown['loop_id']}")
    assert (await (await site.get(reply.headers["Location"])).json())["lead_id"] == lead["id"]
    [attempt] = (await (await site.get(f"/v1/attempts?loop_id={shown['loop_id']}")).json())["data"]
    assert (attempt["kind"], attempt["status"]) == ("manual", "initiated")
    busy = await ask(site, lead)
    assert (busy.status, (await busy.json())["code"]) == (409, "lead-busy")


async def test_a_lead_without_an_agent_needs_one_named(site: Site):
    lead = await take_in(site, phone=OTHER_PHONE)

    assert (await ask(site, lead)).status == 422
    assert (await ask(site, lead, agent_id=site.agent)).status == 202
    assert (await (await site.get(f"/v1/leads/{lead['id']}")).json())["status"] == "new"


async def test_an_opt_out_is_never_passed(site: Site):
    """I8."""
    lead = await take_in(site)
    await site.post("/v1/dnc/entries", {"phone": PHONE})

    reply = await ask(site, lead, agent_id=site.agent, acknowledge_statutory=True, reason="she is my aunt")

    assert (reply.status, (await reply.json())["code"]) == (409, "dnc-blocked")
    assert await claims(site) == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"agent_id": "agt_x"}, "/agent_id"), ({"acknowledge_statutory": "yes"}, "/acknowledge_statutory"),
        ({"reason": 5}, "/reason"), ({"raeson": "x"}, "/raeson"), ({"reason": "x" * 501}, "/reason"),
    ],
)  # fmt: skip
async def test_what_means_nothing_calls_nobody(site: Site, body: dict[str, Any], pointer: str):
    lead = await take_in(site)

    reply = await ask(site, lead, **body)

    assert (reply.status, (await reply.json())["errors"][0]["pointer"]) == (422, pointer)
    assert await site.rows("SELECT 1 FROM loop") == []


async def test_nobody_calls_the_leads_of_others_or_by_their_agents(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    theirs = await (await site.post("/v1/leads", a_lead(), key=other.key)).json()
    lead = await take_in(site)

    assert (await ask(site, theirs, agent_id=site.agent)).status == 404
    assert (await ask(site, lead, agent_id=site.deps.ids.write("agt", other.agent_id))).status == 422


async def test_a_call_shows_the_number_that_was_asked_for_by_its_id_or_as_a_phone(site: Site):
    """API 5: `caller_id`; those of others and of other pools are none."""
    numbers = [
        await (await site.post("/v1/caller-ids", {"phone": f"+1646555019{n}", "daily_cap": 5})).json()
        for n in range(3)
    ]
    pool = {"name": "ours", "strategy": "rotate", "caller_ids": [one["id"] for one in numbers[:2]]}
    made = await (await site.post("/v1/caller-id-pools", pool)).json()
    agent = await site.get(f"/v1/agents/{site.agent}")
    match = {"If-Match": agent.headers["ETag"]}
    body = {"caller_id_pool_id": made["id"]}
    assert (await site.send("PATCH", f"/v1/agents/{site.agent}", json=body, headers=match)).status == 200
    lead = await take_in(site, agent_id=site.agent)

    for said, status in (
        (numbers[0]["id"], 202), (numbers[1]["phone"], 202), (numbers[2]["id"], 422), ("cid_x", 422),
        ("+16465550199", 422), ("", 422),
    ):  # fmt: skip
        reply = await ask(site, lead, caller_id=said)
        assert reply.status == status, said
        if status == 422:
            assert (await reply.json())["errors"][0]["pointer"] == "/caller_id"

    [armed] = (await permit(site, await claims(site))).armed
    assert armed.caller_id == numbers[1]["phone"]

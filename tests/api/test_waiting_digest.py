"""The daily event about leads that wait, as it is read (API 5: `lead.waiting_digest`)."""

from __future__ import annotations

from scheduler.ledger import news
from scheduler.services.digest import WaitingDigest
from tests.api.builders import Site, a_lead


async def test_the_event_tells_how_many_wait_and_why(site: Site):
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    await site.post(f"/v1/leads/{lead['id']}/signals", {"kind": "replied"})
    await WaitingDigest(site.database, hour=8).step(site.clock.now_ms())
    await news.number(site.database, most=100)

    [event] = (await (await site.get("/v1/events?type=lead.waiting_digest")).json())["data"]

    assert event["data"]["object"] == {
        "object": "waiting_digest",
        "day": "2026-06-16",
        "waiting": 1,
        "reasons": {"signal": 1},
    }
    waiting = await (await site.get("/v1/leads/waiting")).json()
    assert [one["reason"] for one in waiting["data"]] == ["signal"]

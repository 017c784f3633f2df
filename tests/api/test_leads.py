"""POST and GET /v1/leads: taken in once, planned at once, shown with the reason."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.builders import OTHER_PHONE, PHONE, Site, a_lead, a_tenant


async def test_a_live_lead_is_due_at_the_instant_it_was_posted_and_waits_on_the_live_lane(site: Site):
    """MISSION P: a new lead is called at once, within the hours."""
    reply = await site.post("/v1/leads", a_lead(agent_id=site.agent, name="Ana Ruiz"))

    lead = await reply.json()
    assert reply.status == 201
    assert reply.headers["Location"] == f"/v1/leads/{lead['id']}"
    assert lead["status"] == "active"
    assert lead["next_attempt"] == {
        "at": "2026-06-16T18:00:00.000Z",
        "at_local": "2026-06-16T14:00:00.000-04:00",
        "channel": "call",
        "step": lead["next_attempt"]["step"],
        "headline": "Call 1",
    }
    assert lead["why"][0]["rule"] == "strategy"
    (lane,) = await site.rows("SELECT class FROM lane")
    assert lane["class"] == "live"
    claimed = await site.flow.wheel.claim(
        0, worker="w", claim_id="c1", limit=10, now_ms=site.clock.now_ms(), wall_ms=site.clock.wall_ms(),
        epoch="e1",
    )  # fmt: skip
    assert len(claimed.claims) == 1


async def test_the_same_lead_again_is_200_and_adds_nothing(site: Site):
    first = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    again = await site.post("/v1/leads", a_lead(agent_id=site.agent))

    assert again.status == 200
    assert (await again.json())["id"] == first["id"]
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM loop")] == [1]


async def test_variants_of_one_number_at_once_make_one_lead(site: Site):
    """RELIABILITY 5.2: phone variants of one number at once; I4: one live loop per contact."""
    written = ["+12125550123", "(212) 555-0123", "212.555.0123", "1-212-555-0123"] * 2

    replies = await asyncio.gather(
        *(site.post("/v1/leads", a_lead(phone=phone, agent_id=site.agent)) for phone in written)
    )

    assert sorted(reply.status for reply in replies) == [200] * 7 + [201]
    assert len({(await reply.json())["id"] for reply in replies}) == 1
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM loop")] == [1]


async def test_a_lead_without_an_agent_is_kept_and_not_planned(site: Site):
    lead = await (await site.post("/v1/leads", a_lead(phone=OTHER_PHONE))).json()

    assert lead["next_attempt"] is None
    assert lead["why"] == []
    assert lead["agent_id"] is None


async def test_every_field_of_a_lead_comes_back_as_it_was_said(site: Site):
    said = a_lead(
        external_id="crm-1", name="Ana", email="ana@example.com", timezone="America/Denver", region="US-CO",
        appointment_at="2026-07-01T15:00:00-06:00", tags=["hot", "solar"], variables={"plan": {"kwh": 4.5}},
        consent={"basis": "express_written", "captured_at": "2026-06-01T10:00:00Z", "source": "form"},
    )  # fmt: skip

    lead = await (await site.post("/v1/leads", said)).json()

    assert lead["external_id"] == "crm-1"
    assert lead["tags"] == ["hot", "solar"]
    assert lead["variables"] == {"plan": {"kwh": 4.5}}
    assert lead["consent"] == {
        "basis": "express_written",
        "captured_at": "2026-06-01T10:00:00.000Z",
        "source": "form",
        "expires_at": None,
    }
    assert lead["appointment_at"] == "2026-07-01T21:00:00.000Z"
    assert lead["appointment_at_local"] == "2026-07-01T15:00:00.000-06:00"
    assert lead["timezone_source"] == "stated"
    assert await (await site.get(f"/v1/leads/{lead['id']}")).json() == lead


async def test_a_lead_is_found_by_phone_name_and_external_id_with_the_phone_in_the_body_only(site: Site):
    first = await (
        await site.post("/v1/leads", a_lead(external_id="x-1", name="100% Ana_", agent_id=site.agent))
    ).json()
    await site.post("/v1/leads", a_lead(phone=OTHER_PHONE, name="Bob"))

    for narrow in ({"phone": "(212) 555-0123"}, {"external_id": "x-1"}, {"name": "0% ana_"},
                   {"agent_id": site.agent}, {"status": ["active", "reached"]}):  # fmt: skip
        found = await (await site.post("/v1/leads/search", {"filter": narrow})).json()
        assert [lead["id"] for lead in found["data"]] == [first["id"]], narrow
    for nobody in ({"phone": "+12125550199"}, {"phone": "nonsense"}, {"name": "%"}, {"agent_id": "agt_no"}):
        found = await (await site.post("/v1/leads/search", {"filter": nobody})).json()
        wanted = ["100% Ana_"] if nobody == {"name": "%"} else []
        assert [lead["name"] for lead in found["data"]] == wanted, nobody


async def test_search_goes_page_by_page_over_every_lead_once(site: Site):
    for last in range(100, 105):
        await site.post("/v1/leads", a_lead(phone=f"+12125550{last}"))
    seen, cursor = [], None

    while True:
        asked = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = await (await site.post("/v1/leads/search", asked)).json()
        seen += [lead["phone"] for lead in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break

    assert seen == [f"+12125550{last}" for last in range(104, 99, -1)]
    assert (await site.post("/v1/leads/search", {"cursor": "cur_0000000000000"})).status == 400


async def test_the_timeline_tells_the_intake_the_loop_and_the_plan_in_order(site: Site):
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()

    story = (await (await site.get(f"/v1/leads/{lead['id']}/timeline")).json())["data"]

    assert [entry["kind"] for entry in story] == ["lead_created", "loop_started", "planned"]
    planned = story[-1]["attempt"]
    assert planned["status"] == "due"
    assert planned["number"] == 1
    assert planned["why"] == lead["why"]


async def test_explain_says_callable_when_nothing_forbids_it(site: Site):
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()

    said = await (await site.get(f"/v1/leads/{lead['id']}/explain")).json()

    assert said["callable_now"] is True
    assert said["blockers"] == []
    assert said["next_attempt"] == lead["next_attempt"]


async def test_explain_names_the_hours_the_pause_and_the_end_of_each(site: Site):
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    site.clock.move_to(site.clock.now_ms() + 12 * 3_600_000)  # 02:00 in New York
    await site.post("/v1/account/pause", {"reason": "carrier outage"})

    said = await (await site.get(f"/v1/leads/{lead['id']}/explain")).json()

    assert said["callable_now"] is False
    rules = {blocker["rule"]: blocker for blocker in said["blockers"]}
    assert set(rules) == {"pause", "statutory_window", "dialer_window"}
    assert "carrier outage" in rules["pause"]["detail"]
    assert rules["statutory_window"]["until_at"].startswith("2026-06-17T1")


async def test_a_batch_that_is_not_the_accounts_is_refused_and_nothing_is_kept(site: Site):
    other = await a_tenant(site.database, "Other")
    (row,) = await site.rows(
        "INSERT INTO batch (account_id, agent_id, name, priority, created_at, updated_at) "
        "VALUES ($1, $2, 'b', 'bulk', now(), now()) RETURNING batch_id", other.account_id, other.agent_id,
    )  # fmt: skip
    foreign = site.deps.ids.write("bat", row["batch_id"])

    reply = await site.post("/v1/leads", a_lead(batch_id=foreign))

    assert reply.status == 422
    assert (await reply.json())["errors"][0]["pointer"] == "/batch_id"
    assert await site.rows("SELECT 1 FROM lead") == []


@pytest.mark.parametrize("path", ["", "/timeline", "/explain"])
async def test_an_id_that_was_never_given_out_is_404(site: Site, path: str):
    for id_ in ("lead_0000000000000", "lead_1", "1", "agt_" + "0" * 13, "lead_%00", "lead_%F0%9F"):
        reply = await site.get(f"/v1/leads/{id_}{path}")
        assert reply.status == 404, id_
        assert reply.content_type == "application/problem+json"


async def test_a_phone_never_appears_in_an_id_or_location(site: Site):
    """I25."""
    reply = await site.post("/v1/leads", a_lead())

    assert PHONE[1:] not in reply.headers["Location"]

"""Leads, batches and files that follow cadences, over HTTP (API 4: lead, batch; 5: imports)."""

from __future__ import annotations

from typing import Any

from tests.api.builders import OTHER_PHONE, Site, a_lead

CSV = {"Content-Type": "text/csv"}
FILE = b"Phone,Plan\n+12125550101,pro\n+12125550102,free\n"


async def a_cadence(site: Site, name: str = "Two calls", **fields: Any) -> str:
    """Published and active."""
    steps = [{"name": "One", "delay_after_s": 86_400}, {"name": "Two"}]
    made = await site.post("/v1/cadences", {"name": name, "steps": steps, **fields})
    assert made.status == 201, await made.text()
    cadence: dict[str, Any] = await made.json()
    published = await site.post(f"/v1/cadences/{cadence['id']}/publish", {"apply_to": "new_loops"})
    assert published.status in (200, 202), await published.text()
    return str(cadence["id"])


async def test_a_lead_shows_the_cadence_that_it_follows_and_its_step(site: Site):
    """PRODUCT 1.6: "Call 3 of Five-step v4"."""
    cadence = await a_cadence(site)

    reply = await site.post("/v1/leads", a_lead(agent_id=site.agent, cadence_id=cadence, priority="live"))

    lead = await reply.json()
    assert reply.status == 201, lead
    assert (lead["next_attempt"]["step"], lead["next_attempt"]["headline"]) == (1, "Call 1 of Two calls v1")
    told = await (await site.get(f"/v1/leads/{lead['id']}/timeline")).json()
    planned = told["data"][-1]["attempt"]
    assert (planned["cadence_id"], planned["cadence_version"], planned["step"]) == (cadence, 1, 1)
    explained = await (await site.get(f"/v1/leads/{lead['id']}/explain")).json()
    assert (explained["callable_now"], explained["why"][0]["detail"]) == (True, "step 1 (One): at once")


async def test_a_cadence_alone_enrols_where_it_is_plain_whose_it_is(site: Site):
    """API 5: POST `/leads` enrols when `agent_id` or `cadence_id` is given."""
    cadence = await a_cadence(site)
    lead = a_lead(cadence_id=cadence)

    of_the_only_agent = await (await site.post("/v1/leads", {**lead, "external_id": "a"})).json()
    await site.post("/v1/agents", {"name": "another"})
    several = await site.post("/v1/leads", {**lead, "phone": OTHER_PHONE})
    dialer = {"strategy": "cadence", "cadence_id": cadence}
    third = await (await site.post("/v1/agents", {"name": "a third", "auto_dialer": dialer})).json()
    of_its_agent = await (await site.post("/v1/leads", {**lead, "phone": OTHER_PHONE})).json()

    assert of_the_only_agent["agent_id"] == site.agent
    assert (several.status, (await several.json())["errors"][0]["pointer"]) == (422, "/agent_id")
    assert of_its_agent["agent_id"] == third["id"]
    for lead in (of_the_only_agent, of_its_agent):
        assert lead["next_attempt"]["headline"] == "Call 1 of Two calls v1"


async def test_the_hours_of_a_cadence_are_a_blocker_of_their_own(site: Site):
    windows = {"wed": {"enabled": True, "ranges": [{"start": "10:00", "end": "12:00"}]}}
    cadence = await a_cadence(site, windows=windows)
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent, cadence_id=cadence))).json()

    explained = await (await site.get(f"/v1/leads/{lead['id']}/explain")).json()

    assert not explained["callable_now"]
    assert "cadence_window" in [blocker["rule"] for blocker in explained["blockers"]]


async def test_a_file_has_its_leads_follow_a_cadence_and_its_batch_too(site: Site):
    """The batch keeps it for what comes later."""
    cadence = await a_cadence(site)
    path = f"/v1/imports?agent_id={site.agent}&name=first&cadence_id={cadence}"

    reply = await site.send("POST", path, data=FILE, headers=CSV)

    said = await reply.json()
    assert (reply.status, said["created"]) == (202, 2)
    batch = await (await site.get(f"/v1/batches/{said['batch_id']}")).json()
    assert batch["cadence_id"] == cadence
    later = a_lead(phone="+12125550103", batch_id=batch["id"])
    lead = await (await site.post("/v1/leads", later)).json()
    assert lead["next_attempt"]["headline"] == "Call 1 of Two calls v1"
    rows = await site.rows("SELECT count(*) AS n FROM loop WHERE cadence_version = 1 AND cadence_chosen")
    assert [row["n"] for row in rows] == [3]


async def test_a_batch_is_made_for_a_cadence(site: Site):
    cadence = await a_cadence(site)

    body = {"name": "Nov", "agent_id": site.agent, "cadence_id": cadence}
    batch = await (await site.post("/v1/batches", body)).json()
    unknown = await site.post("/v1/batches", {**body, "name": "Dec", "cadence_id": "cad_nothing"})

    assert batch["cadence_id"] == cadence
    assert (unknown.status, (await unknown.json())["errors"][0]["pointer"]) == (422, "/cadence_id")


async def test_a_cadence_that_is_switched_off_takes_in_no_file(site: Site):
    """API 2: 409 cadence-not-active; nothing of the file is written."""
    cadence = await a_cadence(site)
    off = await site.send("POST", f"/v1/cadences/{cadence}/deactivate")
    assert off.status == 200, await off.text()
    path = f"/v1/imports?agent_id={site.agent}&name=first&cadence_id={cadence}"

    reply = await site.send("POST", path, data=FILE, headers=CSV)

    assert reply.status == 409, await reply.text()
    assert (await reply.json())["code"] == "cadence-not-active"
    assert await site.rows("SELECT FROM lead UNION ALL SELECT FROM import") == []
    unknown = await site.send("POST", path.replace(cadence, "cad_x"), data=FILE, headers=CSV)
    assert unknown.status == 422

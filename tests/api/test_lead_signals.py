"""Signs of life: the schedule waits for a person of ours, and a list says who does (K18, L15)."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.domain.time import DAY, HOUR
from tests.api.builders import LONG_PERMIT_S, OTHER_PHONE, Site, a_lead, a_tenant
from tests.api.test_lead_changes import claims, permit, take_in

PAUSING = ["replied", "clicked", "booked", "inbound_call", "human_takeover"]


async def signal(site: Site, lead: dict[str, Any], kind: str, **fields: Any) -> Any:
    return await site.post(f"/v1/leads/{lead['id']}/signals", {"kind": kind, **fields})


async def shown(site: Site, lead: dict[str, Any]) -> Any:
    return await (await site.get(f"/v1/leads/{lead['id']}")).json()


@pytest.mark.parametrize("kind", PAUSING)
async def test_a_sign_of_life_holds_the_schedule_for_48_hours(site: Site, kind: str):
    """API: pauses the loop 48 h; MISSION K18, K20."""
    lead = await take_in(site, agent_id=site.agent)  # due now
    claimed = await claims(site)

    reply = await signal(site, lead, kind, channel="sms")
    said, later = await reply.json(), await shown(site, lead)

    assert reply.status == 201
    assert said["quiet_until_at"] == "2026-06-18T18:00:00.000Z"
    assert later["next_attempt"]["at"] == "2026-06-18T18:00:00.000Z"
    assert "pause" in [line["rule"] for line in later["why"]]
    assert (await permit(site, claimed)).armed == []
    assert await claims(site) == []


async def test_a_mail_that_was_opened_stops_nothing(site: Site):
    lead = await take_in(site, agent_id=site.agent)

    reply = await signal(site, lead, "opened", channel="email")

    assert (reply.status, (await reply.json())["quiet_until_at"]) == (201, None)
    assert (await shown(site, lead))["next_attempt"] == lead["next_attempt"]
    assert len(await claims(site)) == 1


async def test_a_signal_told_twice_is_one_and_an_old_one_stops_nothing(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    old = await signal(site, lead, "replied", at="2026-06-14T10:00:00Z")
    assert (old.status, (await old.json())["quiet_until_at"]) == (201, None)
    assert (await shown(site, lead))["next_attempt"] == lead["next_attempt"]

    first = await signal(site, lead, "replied", at="2026-06-16T17:00:00Z")
    again = await signal(site, lead, "replied", at="2026-06-16T17:00:00Z")

    assert (first.status, again.status) == (201, 200)
    assert (await first.json())["id"] == (await again.json())["id"]
    assert (await first.json())["quiet_until_at"] == "2026-06-18T17:00:00.000Z"
    story = (await (await site.get(f"/v1/leads/{lead['id']}/timeline")).json())["data"]
    assert [entry["detail"] for entry in story if entry["kind"] == "signal"] == ["replied", "replied"]


@pytest.mark.parametrize("permit_s", [LONG_PERMIT_S])
async def test_a_permit_from_before_the_signal_is_waited_for(site: Site):
    """RELIABILITY 3.3: what is answered is in force."""
    lead = await take_in(site, agent_id=site.agent)
    assert len((await permit(site, await claims(site))).armed) == 1
    began_s = site.clock.monotonic_s()

    assert (await signal(site, lead, "replied")).status == 201

    assert site.clock.monotonic_s() - began_s >= site.deps.settings.permit_s


async def test_those_who_wait_for_a_person_are_listed_until_they_are_called_or_the_time_is_over(site: Site):
    """MISSION L15: leads that wait for our response."""
    first = await take_in(site, agent_id=site.agent)
    second = await take_in(site, phone=OTHER_PHONE, agent_id=site.agent)
    rest = await take_in(site, phone="+12125550125", agent_id=site.agent)
    await signal(site, rest, "opened")
    await signal(site, first, "replied")
    await signal(site, second, "inbound_call", at="2026-06-16T17:30:00Z")

    page = await (await site.get("/v1/leads/waiting")).json()
    newest = await (await site.get("/v1/leads/waiting?limit=1&order=desc&count=exact")).json()
    assert (newest["count"], newest["count_exact"]) == (2, True), "all of them, whatever the page shows"

    assert [(one["lead"]["id"], one["reason"], one["since_at"]) for one in page["data"]] == [
        (first["id"], "signal", "2026-06-16T18:00:00.000Z"),
        (second["id"], "signal", "2026-06-16T17:30:00.000Z"),
    ]
    assert page["data"][0]["until_at"] == "2026-06-18T18:00:00.000Z"
    assert [one["lead"]["id"] for one in newest["data"]] == [second["id"]]
    older = await (
        await site.get(f"/v1/leads/waiting?limit=1&order=desc&cursor={newest['next_cursor']}")
    ).json()
    assert [one["lead"]["id"] for one in older["data"]] == [first["id"]]
    number = site.deps.ids.read("lead", first["id"])
    await site.rows("UPDATE lead SET contacted_at = '2026-06-16T18:30:00Z' WHERE lead_id = $1", number)
    left = await (await site.get("/v1/leads/waiting")).json()
    assert [one["lead"]["id"] for one in left["data"]] == [second["id"]]
    site.clock.move_to(site.clock.now_ms() + 2 * DAY + HOUR)
    assert (await (await site.get("/v1/leads/waiting")).json())["data"] == []


async def test_a_result_that_is_owed_is_waited_for_too(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    await site.rows("UPDATE loop SET status = 'awaiting_result', next_at = NULL")

    [one] = (await (await site.get("/v1/leads/waiting")).json())["data"]

    assert (one["lead"]["id"], one["reason"], one["until_at"]) == (lead["id"], "result", None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/kind"), ({"kind": "sneezed"}, "/kind"), ({"kind": "replied", "channel": "fax"}, "/channel"),
        ({"kind": "replied", "at": "2026-06-16T18:06:00Z"}, "/at"),
        ({"kind": "replied", "at": "soon"}, "/at"),
        ({"kind": "replied", "at": "1999-12-31T23:59:59Z"}, "/at"), ({"kind": "replied", "who": 1}, "/who"),
    ],
)  # fmt: skip
async def test_a_signal_that_means_nothing_is_refused_and_not_kept(site: Site, body: Any, pointer: str):
    lead = await take_in(site)

    reply = await site.post(f"/v1/leads/{lead['id']}/signals", body)

    assert (reply.status, (await reply.json())["errors"][0]["pointer"]) == (422, pointer)
    assert await site.rows("SELECT 1 FROM lead_signal") == []


async def test_signals_of_others_and_their_leads_are_not_seen(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    theirs = await (await site.post("/v1/leads", a_lead(), key=other.key)).json()
    await site.post(f"/v1/leads/{theirs['id']}/signals", {"kind": "replied"}, key=other.key)

    assert (await signal(site, theirs, "replied")).status == 404
    assert (await (await site.get("/v1/leads/waiting")).json())["data"] == []

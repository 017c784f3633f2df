"""PATCH and PUT of leads: in force when answered; DELETE: the person is gone, the counts are not."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from scheduler.domain.time import HOUR
from scheduler.flow.arm import arm
from scheduler.ledger.accounts import create_agent
from scheduler.services.herald import Herald
from scheduler.wheel import Claim, Release
from tests.api.builders import EPOCH, LIVE_PRESET, LONG_PERMIT_S, OTHER_PHONE, PHONE, Site, a_lead, a_tenant

LEAD = {"name": "Ana Ruiz", "email": "ana@example.com", "external_id": "crm-1", "variables": {"plan": "gold"}}


async def take_in(site: Site, **fields: Any) -> dict[str, Any]:
    reply = await site.post("/v1/leads", a_lead(**fields))
    assert reply.status == 201, await reply.text()
    return await reply.json()


async def change(site: Site, lead: dict[str, Any], body: Any, **rest: Any) -> Any:
    return await site.send("PATCH", f"/v1/leads/{lead['id']}", json=body, **rest)


async def claims(site: Site) -> list[Claim]:
    found = await site.flow.wheel.claim(
        0, worker="w", claim_id=uuid4().hex, limit=10, now_ms=site.clock.now_ms(),
        wall_ms=site.clock.wall_ms(), epoch=EPOCH,
    )  # fmt: skip
    return found.claims


async def permit(site: Site, found: list[Claim]) -> Any:
    return await arm(
        site.flow, site.database, found, worker="w", permit=UUID(int=9), now_ms=site.clock.now_ms()
    )


async def give_back(site: Site, found: list[Claim]) -> None:
    """Their leases are over, nothing was sent."""
    releases = [Release(claim, sent=False) for claim in found]
    await site.flow.wheel.settle(releases=releases, now_ms=site.clock.now_ms(), wall_ms=site.clock.wall_ms())


async def row(site: Site, sql: str, *arguments: Any) -> Any:
    [found] = await site.rows(sql, *arguments)
    return found


async def test_a_change_sets_what_it_names_and_leaves_the_rest(site: Site):
    lead = await take_in(site, **LEAD, tags=["a"], agent_id=site.agent)

    reply = await change(site, lead, {"name": "Ana R.", "tags": ["b"], "external_id": None})
    changed = await reply.json()

    assert reply.status == 200
    assert (changed["name"], changed["tags"], changed["external_id"]) == ("Ana R.", ["b"], None)
    assert (changed["email"], changed["variables"]) == (lead["email"], lead["variables"])
    assert await (await site.get(f"/v1/leads/{lead['id']}")).json() == changed
    audit = await row(site, "SELECT after::text AS after FROM audit WHERE action = 'lead_changed'")
    assert "Ana" not in audit["after"]  # I25


async def test_the_same_change_again_changes_nothing(site: Site):
    lead = await take_in(site, **LEAD)
    once = await (await change(site, lead, {"timezone": "America/Denver"})).json()
    site.clock.move_to(site.clock.now_ms() + HOUR)

    again = await (await change(site, lead, {"timezone": "America/Denver"})).json()

    assert again == once
    assert len(await site.rows("SELECT 1 FROM audit WHERE action = 'lead_changed'")) == 1


async def test_another_place_moves_the_call_to_hours_there_at_once(site: Site):
    """MISSION: a change of what the planner looks at is in force when it is answered; I10."""
    lead = await take_in(site, agent_id=site.agent)  # due now: 14:00 in New York
    before = await claims(site)
    assert len(before) == 1

    changed = await (await change(site, lead, {"timezone": "Asia/Tokyo"})).json()  # 03:00 there

    assert changed["next_attempt"]["at"] > "2026-06-16T18:00:00.000Z"
    assert (await permit(site, before)).armed == []
    assert await claims(site) == []


@pytest.mark.parametrize("permit_s", [LONG_PERMIT_S])
async def test_a_call_that_was_permitted_before_is_waited_for(site: Site):
    """RELIABILITY 3.3: what is answered is in force: permits of before have run out."""
    lead = await take_in(site, agent_id=site.agent)
    given = await permit(site, await claims(site))
    assert len(given.armed) == 1
    began_s = site.clock.monotonic_s()

    reply = await change(site, lead, {"phone": OTHER_PHONE})

    assert reply.status == 200
    assert site.clock.monotonic_s() - began_s >= site.deps.settings.permit_s


async def test_a_phone_or_an_external_id_of_another_lead_is_refused_and_one_on_the_list_too(site: Site):
    lead = await take_in(site)
    await take_in(site, phone=OTHER_PHONE, external_id="theirs")
    await site.post("/v1/dnc/entries", {"phone": "+12125550125"})

    for body, code in (
        ({"phone": OTHER_PHONE}, "state-conflict"), ({"external_id": "theirs"}, "state-conflict"),
        ({"phone": "+12125550125"}, "dnc-blocked"),
    ):  # fmt: skip
        reply = await change(site, lead, body)
        assert (reply.status, (await reply.json())["code"]) == (409, code), body
    assert await (await site.get(f"/v1/leads/{lead['id']}")).json() == lead


async def test_another_agent_takes_the_loop_and_none_ends_it(site: Site):
    second = await create_agent(
        site.database, account_id=site.home.account_id, name="second", auto_dialer=LIVE_PRESET,
        now_ms=site.clock.now_ms(),
    )  # fmt: skip
    other = site.deps.ids.write("agt", second)
    lead = await take_in(site, agent_id=site.agent)

    moved = await (await change(site, lead, {"agent_id": other})).json()
    loop = await row(
        site, "SELECT lo.agent_id, la.agent_id AS lane_agent FROM loop AS lo JOIN lane AS la USING (lane_id)"
    )
    assert moved["agent_id"] == other
    assert (loop["agent_id"], loop["lane_agent"]) == (second, second)
    [claim] = await claims(site)
    assert len((await permit(site, [claim])).armed) == 1
    assert (await change(site, lead, {"agent_id": site.agent})).status == 409  # a call is under way

    rest = await take_in(site, phone=OTHER_PHONE, agent_id=site.agent)
    left = await (await change(site, rest, {"agent_id": None})).json()
    assert (left["status"], left["next_attempt"], left["agent_id"]) == ("closed", None, None)
    assert await claims(site) == []


async def test_a_change_heeds_what_the_caller_has_read(site: Site):
    lead = await take_in(site)
    tag = (await site.get(f"/v1/leads/{lead['id']}")).headers["ETag"]

    assert (await change(site, lead, {"name": "B"}, headers={"If-Match": tag})).status == 200
    assert (await change(site, lead, {"name": "C"}, headers={"If-Match": tag})).status == 412


async def test_ids_of_others_are_404_in_the_path_and_422_in_the_body(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    theirs = await (await site.post("/v1/leads", a_lead(), key=other.key)).json()
    lead = await take_in(site)

    assert (await change(site, theirs, {"name": "x"})).status == 404
    assert (await site.send("DELETE", f"/v1/leads/{theirs['id']}")).status == 404
    foreign = site.deps.ids.write("agt", other.agent_id)
    for field, value in (("agent_id", foreign), ("agent_id", "agt_x"), ("batch_id", "bat_0000000000000")):
        reply = await change(site, lead, {field: value})
        assert reply.status == 422
        assert (await reply.json())["errors"][0]["pointer"] == f"/{field}"


async def test_put_makes_a_lead_once_and_changes_it_after_that(site: Site):
    path = "/v1/leads/external/crm%2F7"

    first = await site.send("PUT", path, json=a_lead(name="Ana"))
    again = await site.send("PUT", path, json=a_lead(name="Ana Ruiz", external_id="crm/7"))

    assert (first.status, again.status) == (201, 200)
    made, met = await first.json(), await again.json()
    assert (met["id"], met["external_id"], met["name"]) == (made["id"], "crm/7", "Ana Ruiz")
    other = await site.send("PUT", path, json=a_lead(external_id="crm-8"))
    assert (await other.json())["errors"][0]["pointer"] == "/external_id"


async def test_puts_of_one_external_id_at_once_make_one_lead(site: Site):
    replies = await asyncio.gather(
        *(site.send("PUT", "/v1/leads/external/x", json=a_lead(agent_id=site.agent)) for _ in range(6))
    )

    assert sorted(reply.status for reply in replies) == [200] * 5 + [201]
    assert len(await site.rows("SELECT 1 FROM loop")) == 1


PERSONAL = ("Ana", "Ruiz", "ana@", PHONE[2:], "crm-1", "gold", "555-01", "hot tub")


async def test_an_erased_person_is_nowhere_in_the_ledger_and_still_counted(site: Site):
    """API: DELETE erases personal data; ids and counts stay."""
    batch = (await (await site.post("/v1/batches", {"name": "b", "agent_id": site.agent})).json())["id"]
    lead = await take_in(site, **LEAD, batch_id=batch, tags=["hot tub"], consent={"basis": "Ana said so"})
    number = site.deps.ids.read("lead", lead["id"])

    reply = await site.send("DELETE", f"/v1/leads/{lead['id']}")

    assert (reply.status, await reply.read()) == (204, b"")
    for table in ("lead", "loop", "attempt", "audit", "suppression", "suppression_mark", "import_reject"):
        for found in await site.rows(f"SELECT t::text AS text FROM {table} AS t"):
            assert not any(word in found["text"] for word in PERSONAL), table
    loop = await row(site, "SELECT status, end_reason FROM loop WHERE lead_id = $1", number)
    assert tuple(loop) == ("ended", "removed")
    assert (await (await site.get(f"/v1/batches/{batch}")).json())["counts"]["leads"] == 1
    assert await claims(site) == []
    for path in ("", "/timeline", "/explain"):
        assert (await site.get(f"/v1/leads/{lead['id']}{path}")).status == 404
    assert (await (await site.get("/v1/leads?count=exact")).json())["count"] == 0
    assert (await site.send("DELETE", f"/v1/leads/{lead['id']}")).status == 204


async def test_an_erased_lead_may_come_again_but_not_one_who_opted_out(site: Site):
    """RELIABILITY 5.1: erasure keeps the suppression hash; I8."""
    lead = await take_in(site)
    await site.send("DELETE", f"/v1/leads/{lead['id']}")
    again = await take_in(site, agent_id=site.agent)
    assert again["id"] != lead["id"]

    await site.post("/v1/dnc/entries", {"phone": PHONE, "reason": "asked"})
    await site.send("DELETE", f"/v1/leads/{again['id']}")

    assert await site.rows("SELECT 1 FROM suppression") == []
    for phone in (PHONE, "(212) 555-0123"):
        reply = await site.post("/v1/leads", a_lead(phone=phone, agent_id=site.agent))
        assert (reply.status, (await reply.json())["code"]) == (409, "dnc-blocked")
    rest = await take_in(site, phone=OTHER_PHONE)
    assert (await (await change(site, rest, {"phone": PHONE})).json())["code"] == "dnc-blocked"


async def test_nobody_is_erased_during_a_call_and_nothing_is_changed(site: Site):
    lead = await take_in(site, **LEAD, agent_id=site.agent)
    assert len((await permit(site, await claims(site))).armed) == 1

    reply = await site.send("DELETE", f"/v1/leads/{lead['id']}")

    assert (reply.status, (await reply.json())["code"]) == (409, "lead-busy")
    assert (await (await site.get(f"/v1/leads/{lead['id']}")).json())["name"] == LEAD["name"]


@pytest.mark.parametrize("phone", ["", "hello", "911", "1" * 100, None, 5])
async def test_a_phone_that_cannot_be_called_changes_nothing(site: Site, phone: Any):
    lead = await take_in(site)

    reply = await change(site, lead, {"phone": phone})

    assert (reply.status, (await reply.json())["errors"][0]["pointer"]) == (422, "/phone")
    assert await (await site.get(f"/v1/leads/{lead['id']}")).json() == lead


async def test_of_two_leads_that_are_given_one_phone_at_once_one_gets_it(site: Site):
    """I4: a phone is one lead's; who comes second is told so."""
    one, other = await take_in(site), await take_in(site, phone=OTHER_PHONE)
    wanted = {"phone": "+12125550177"}

    replies = await asyncio.gather(change(site, one, wanted), change(site, other, wanted))

    assert sorted(reply.status for reply in replies) == [200, 409]
    phones = {row["phone"] for row in await site.rows("SELECT phone FROM lead")}
    assert "+12125550177" in phones
    assert len(phones) == 2


async def test_events_tell_nothing_of_an_erased_person_any_more(site: Site):
    """Events show objects as they are when they are read: who is erased is in none."""
    lead = await take_in(site, **LEAD, agent_id=site.agent)
    await change(site, lead, {"name": "Ana R."})
    await site.send("DELETE", f"/v1/leads/{lead['id']}")
    await Herald(site.database, site.clock, period_s=1, kept_days=7).step(site.clock.now_ms())

    reply = await site.get("/v1/events")
    said = await reply.text()

    assert reply.status == 200
    assert "lead.created" in said
    assert not any(word in said for word in PERSONAL)


async def test_a_lead_of_an_external_id_is_changed_by_whoever_has_read_it_as_it_is(site: Site):
    """API 1: `ETag` everywhere, 412 stale."""
    path, lead = "/v1/leads/external/crm-1", a_lead(name="A")
    none = await site.send("PUT", path, json=lead, headers={"If-Match": "*"})
    tag = (await site.send("PUT", path, json=lead)).headers["ETag"]
    changed = await site.send("PUT", path, json={**lead, "name": "B"}, headers={"If-Match": tag})
    stale = await site.send("PUT", path, json={**lead, "name": "C"}, headers={"If-Match": tag})
    assert [reply.status for reply in (none, changed, stale)] == [412, 200, 412]

"""POST /v1/dnc/entries: after its answer nobody is dialled (I8)."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from scheduler.flow.arm import ArmResult, arm
from tests.api.builders import OTHER_PHONE, PHONE, Site, a_lead, a_tenant
from tests.api.test_pause import claim


async def an_armed_call(site: Site) -> ArmResult:
    await site.post("/v1/leads", a_lead(agent_id=site.agent))
    return await arm_claimed(site)


async def arm_claimed(site: Site) -> ArmResult:
    claimed = await claim(site, uuid4().hex)
    now_ms = site.clock.now_ms()
    return await arm(site.flow, site.database, claimed.claims, worker="w", permit=uuid4(), now_ms=now_ms)


async def test_after_the_answer_nothing_is_claimable_armed_or_planned(site: Site):
    """I8."""
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    held = await claim(site)

    reply = await site.post("/v1/dnc/entries", {"phone": "(212) 555-0123", "reason": "asked by mail"})

    assert reply.status == 201
    assert (await reply.json())["phone"] == PHONE
    result = await arm(
        site.flow, site.database, held.claims, worker="w", permit=uuid4(), now_ms=site.clock.now_ms()
    )
    assert result.armed == []
    assert (await claim(site, "c2")).claims == []
    after = await (await site.get(f"/v1/leads/{lead['id']}")).json()
    assert (after["status"], after["next_attempt"]) == ("opted_out", None)
    (loop,) = await site.rows("SELECT status, end_reason FROM loop")
    assert tuple(loop) == ("ended", "dnc")


async def test_a_suppressed_phone_is_not_enrolled(site: Site):
    await site.post("/v1/dnc/entries", {"phone": PHONE})

    reply = await site.post("/v1/leads", a_lead(agent_id=site.agent))

    assert reply.status == 409
    assert (await reply.json())["code"] == "dnc-blocked"
    assert await site.rows("SELECT 1 FROM loop") == []


async def test_the_same_phone_again_is_200_and_keeps_the_first_reason(site: Site):
    first = await (await site.post("/v1/dnc/entries", {"phone": PHONE, "reason": "first"})).json()

    again = await site.post("/v1/dnc/entries", {"phone": PHONE, "reason": "second"})

    said = await again.json()
    assert again.status == 200
    assert (said["id"], said["reason"]) == (first["id"], "first")
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM audit")] == [1]


async def test_the_audit_log_tells_who_put_an_entry_on_the_list_and_who_took_it_off(site: Site):
    """RELIABILITY 5.1: the opt-out and its removal, found by the id of the entry."""
    made = await (await site.post("/v1/dnc/entries", {"phone": PHONE, "reason": "asked by mail"})).json()
    await site.post("/v1/dnc/entries", {"phone": PHONE})
    await site.send("DELETE", f"/v1/dnc/entries/{made['id']}")

    lines = (await (await site.get(f"/v1/audit?target={made['id']}&order=asc")).json())["data"]

    assert [(line["action"], line["target"]) for line in lines] == [
        ("phone_suppressed", made["id"]), ("suppression_lifted", made["id"]),
    ]  # fmt: skip
    assert lines[0]["after"] == {"reason": "asked by mail", "source": "api"}
    assert PHONE not in str(lines)


async def test_ten_at_once_for_an_unknown_number_make_one_entry(site: Site):
    replies = await asyncio.gather(*(site.post("/v1/dnc/entries", {"phone": OTHER_PHONE}) for _ in range(10)))

    assert sorted(reply.status for reply in replies) == [200] * 9 + [201]


async def test_a_ringing_call_is_hung_up_before_the_answer(site: Site):
    await an_armed_call(site)
    await site.rows("UPDATE attempt SET state = 'ringing', provider_call_id = 'sim-1'")

    await site.post("/v1/dnc/entries", {"phone": PHONE})

    assert site.hung_up.refs == ["sim-1"]


async def test_a_conversation_under_way_goes_on(site: Site):
    await an_armed_call(site)
    await site.rows("UPDATE attempt SET state = 'in_call', provider_call_id = 'sim-1'")

    await site.post("/v1/dnc/entries", {"phone": PHONE})

    assert site.hung_up.refs == []


async def test_an_armed_call_is_waited_for_and_ended_once_it_rings(site: Site):
    """DESIGN 5: the opt-out waits for what is armed, for as long as its permit lasts."""
    await an_armed_call(site)
    asked = asyncio.create_task(site.post("/v1/dnc/entries", {"phone": PHONE}))
    for _ in range(10_000):
        if await site.rows("SELECT 1 FROM loop WHERE end_reason = 'dnc'"):
            break
    assert not asked.done()

    await site.rows("UPDATE attempt SET state = 'ringing', provider_call_id = 'sim-2'")
    reply = await asked

    assert reply.status == 201
    assert site.hung_up.refs == ["sim-2"]


async def test_an_armed_call_that_nobody_reports_holds_the_answer_for_its_permit_only(site: Site):
    await an_armed_call(site)

    reply = await site.post("/v1/dnc/entries", {"phone": PHONE})

    assert reply.status == 201
    assert site.hung_up.refs == []


@pytest.mark.parametrize("way", ["entry", "file"])
async def test_an_opt_out_is_not_answered_while_postgres_is_away(site: Site, way: str):
    """RELIABILITY 5.2: must not ack."""
    await site.get("/v1/account")
    await site.database.close()

    if way == "entry":
        reply = await site.post("/v1/dnc/entries", {"phone": PHONE})
    else:
        text = {"Content-Type": "text/plain"}
        reply = await site.send("POST", "/v1/dnc/import", data=PHONE.encode(), headers=text)

    assert reply.status == 503
    assert (await reply.json())["code"] == "dependency-down"
    assert int(reply.headers["Retry-After"]) > 0


async def test_an_opt_out_of_one_account_is_none_of_another(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    await site.post("/v1/dnc/entries", {"phone": PHONE}, key=other.key)

    assert (await site.post("/v1/leads", a_lead(agent_id=site.agent))).status == 201


async def test_nobody_can_opt_out_what_is_no_phone(site: Site):
    for phone in ("", "911", "12", "+1", "hello", "٠١٢٣٤٥٦٧٨٩", "+12125550123\r\n"):
        reply = await site.post("/v1/dnc/entries", {"phone": phone})
        if reply.status != 422:
            assert (await reply.json())["phone"] == PHONE, phone


async def test_whoever_asked_not_to_be_called_and_was_erased_is_still_told_as_blocked(site: Site):
    """I8, erasure: all that is left is a mark, and it counts."""
    lead = await (await site.post("/v1/leads", a_lead())).json()
    await site.post("/v1/dnc/entries", {"phone": PHONE})
    assert (await site.send("DELETE", f"/v1/leads/{lead['id']}")).status == 204
    assert await site.rows("SELECT 1 FROM suppression") == []

    said = await (await site.post("/v1/dnc/check", {"phones": [PHONE, OTHER_PHONE]})).json()

    assert said["blocked"] == 1
    assert [(one["blocked"], one["own_word"], one["entry_id"]) for one in said["data"]] == [
        (True, True, None), (False, False, None),
    ]  # fmt: skip

"""An artificial voice calls nobody who has not agreed to it, wherever real phones may ring."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.api.builders import OTHER_PHONE, PHONE, Site, Tenant, a_lead, a_tenant

CONSENT = {"basis": "express_written"}


async def real(site: Site, **agent: Any) -> tuple[Tenant, str]:
    """An account that reaches real phones, and its agent's id."""
    tenant = await a_tenant(site.database, "Real", environment="live", simulated=False)
    if agent:
        await site.rows("UPDATE agent SET voice = $2 WHERE agent_id = $1", tenant.agent_id, agent["voice"])
    return tenant, site.deps.ids.write("agt", tenant.agent_id)


async def test_who_has_not_agreed_is_refused_and_not_kept(site: Site):
    """Row codes and problems of API 2 and 6: consent-missing."""
    tenant, agent = await real(site)

    reply = await site.post("/v1/leads", a_lead(agent_id=agent), key=tenant.key)
    with_it = await site.post("/v1/leads", a_lead(agent_id=agent, consent=CONSENT), key=tenant.key)

    assert (reply.status, (await reply.json())["code"]) == (409, "consent-missing")
    assert with_it.status == 201
    assert (await with_it.json())["next_attempt"] is not None


async def test_a_person_may_call_who_has_not_agreed_and_a_simulator_too(site: Site):
    tenant, agent = await real(site, voice="human")

    assert (await site.post("/v1/leads", a_lead(agent_id=agent), key=tenant.key)).status == 201
    assert (await site.post("/v1/leads", a_lead(agent_id=site.agent))).status == 201


async def test_bulk_lines_and_rows_of_files_without_consent_are_rejected_alone(site: Site):
    tenant, agent = await real(site)
    lines = [a_lead(agent_id=agent), a_lead(phone=OTHER_PHONE, agent_id=agent, consent=CONSENT)]
    body = b"\n".join(map(msgspec.json.encode, lines))
    ndjson = {"Content-Type": "application/x-ndjson"}

    bulk = await site.send("POST", "/v1/leads/bulk", data=body, headers=ndjson, key=tenant.key)
    rows = [msgspec.json.decode(line) for line in (await bulk.read()).splitlines()]
    file = await site.send(
        "POST", f"/v1/imports?agent_id={agent}&name=f",
        data=b"phone,consent\n+12125550150,\n+12125550151,form\n", headers={"Content-Type": "text/csv"},
        key=tenant.key,
    )  # fmt: skip
    totals = await file.json()

    assert [(row["status"], row["action"]) for row in rows] == [(409, "rejected"), (201, "created")]
    assert rows[0]["problem"]["code"] == "consent-missing"
    assert (totals["created"], totals["rejected"]) == (1, 1)
    errors = await (await site.get(f"/v1/imports/{totals['id']}/errors", key=tenant.key)).text()
    assert "consent-missing" in errors
    assert len(await site.rows("SELECT 1 FROM lead")) == 2


async def test_a_known_lead_keeps_its_consent_and_one_that_takes_it_back_is_not_called(site: Site):
    """MISSION: a change of what the planner looks at is in force when it is answered."""
    tenant, agent = await real(site)
    lead = await (
        await site.post("/v1/leads", a_lead(agent_id=agent, consent=CONSENT), key=tenant.key)
    ).json()

    again = await site.post("/v1/leads", a_lead(agent_id=agent, name="Ana"), key=tenant.key)
    taken_back = await site.send("PATCH", f"/v1/leads/{lead['id']}", json={"consent": None}, key=tenant.key)

    assert again.status == 200
    left = await taken_back.json()
    assert (left["status"], left["next_attempt"]) == ("closed", None)
    [loop] = await site.rows("SELECT status, end_reason FROM loop")
    assert tuple(loop) == ("ended", "consent_missing")


@pytest.mark.parametrize("consent", [None, CONSENT])
async def test_a_lead_that_was_only_kept_is_followed_up_once_it_has_agreed(site: Site, consent: Any):
    tenant, agent = await real(site)
    await site.post("/v1/leads", a_lead(), key=tenant.key)

    reply = await site.post("/v1/leads", a_lead(phone=PHONE, agent_id=agent, consent=consent), key=tenant.key)

    assert reply.status == (409 if consent is None else 200)
    assert len(await site.rows("SELECT 1 FROM loop")) == (0 if consent is None else 1)

"""I24: nothing of one tenant ever reaches another."""

from __future__ import annotations

import re

from aiohttp import ClientResponse

from api.app import ROUTES
from tests.api.builders import OTHER_PHONE, PHONE, Site, a_lead, a_tenant


async def test_no_reply_to_one_tenant_holds_anything_of_another(site: Site):
    """I24: every route, asked by A with the ids of B, answers 404 and never with B's canary."""
    canary = "canary-9f3a"
    other = await a_tenant(site.database, canary)
    agent = site.deps.ids.write("agt", other.agent_id)
    theirs = await (
        await site.post("/v1/leads", a_lead(name=canary, external_id=canary, agent_id=agent), key=other.key)
    ).json()
    await site.rows(
        "INSERT INTO batch (account_id, agent_id, name, priority, created_at, updated_at) "
        "VALUES ($1, $2, $3, 'bulk', now(), now())", other.account_id, other.agent_id, canary,
    )  # fmt: skip
    await site.rows(
        "INSERT INTO import (account_id, batch_id, status, started_at) VALUES ($1, 1, 'done', now())",
        other.account_id,
    )
    await site.rows(
        "INSERT INTO attempt (loop_id, lead_id, account_id, agent_id, batch_id, lane_id, n, step, kind, "
        "channel, state, due_at, armed_at, not_after, permit, why, rules_revision, policy_version) "
        "SELECT loop_id, lead_id, account_id, agent_id, 0, lane_id, 1, 1, 'first', 'call', 'armed', now(), "
        "now(), now(), gen_random_uuid(), '[]', 'r', 1 FROM loop",
    )
    await site.post("/v1/trunks", {"name": canary}, key=other.key)
    await site.post("/v1/caller-ids", {"phone": OTHER_PHONE}, key=other.key)
    await site.post("/v1/caller-id-pools", {"name": canary}, key=other.key)
    cadence = await (
        await site.post("/v1/cadences", {"name": canary, "steps": [{"name": canary}]}, key=other.key)
    ).json()
    await site.post(f"/v1/cadences/{cadence['id']}/publish", {}, key=other.key)
    template = await (await site.post("/v1/templates", {"name": canary}, key=other.key)).json()
    day = await (
        await site.post("/v1/no-call-days", {"date": "2026-12-24", "label": canary}, key=other.key)
    ).json()
    order = {"ends_at": "2026-12-24T00:00:00Z", "reason": canary}
    closure = await (await site.post("/v1/compliance/closures", order, key=other.key)).json()
    dnc_list = await (await site.post("/v1/dnc/lists", {"name": canary}, key=other.key)).json()
    listed = {"phone": "+12125550177", "reason": canary, "list_id": dnc_list["id"]}
    entry = await (await site.post("/v1/dnc/entries", listed, key=other.key)).json()
    made = await site.post("/v1/api-keys", {"name": canary, "scopes": ["read"]}, key=other.key)
    await site.rows(
        "INSERT INTO webhook (account_id, url, types, mode, secret, seq, next_at, leased_until, created_at, "
        "updated_at) VALUES ($1, $2, '{}', 'single', '', 0, now(), now(), now(), now())",
        other.account_id, f"https://{canary}.example.com/",
    )  # fmt: skip
    said = {"lead_id": theirs["id"], "at": "2027-01-05T15:30:00Z", "note": canary}
    callback = await (await site.post("/v1/callbacks", said, key=other.key)).json()
    ids = {
        "callbacks": callback["id"],
        "dnc/lists": dnc_list["id"], "dnc/entries": entry["id"], "api-keys": (await made.json())["id"],
        "loops": site.deps.ids.write("loop", 1),
        "leads": theirs["id"], "agents": agent, "cadences": cadence["id"], "templates": template["id"],
        "no-call-days": day["id"], "compliance": closure["id"], "jobs": day["job"]["id"],
    }  # fmt: skip
    prefixes = {
        "webhooks": "whk", "batches": "bat", "imports": "imp", "attempts": "att",
        "trunks": "trk", "caller-ids": "cid", "caller-id-pools": "cip",
    }  # fmt: skip
    for name, prefix in prefixes.items():
        ids[name] = site.deps.ids.write(prefix, 1)
    asked = 0
    for route in ROUTES:
        if route.path.startswith("/v1/accounts"):  # of the installation's operator, who sees them all
            continue
        collection = route.path.removeprefix("/v1/").partition("/{id}")[0]
        path = route.path.replace("{id}", ids.get(collection, ids.get(collection.split("/")[0], "")))
        path = re.sub(r"{step_id:[^}]*}", cadence["steps"][0]["id"], re.sub(r"{version:[^}]*}", "1", path))
        if route.method == "GET" and "{id}" in route.path:
            assert (await site.get(path, key=other.key)).status == 200, path
            reply = await site.get(path)
            assert reply.status == 404, path
        elif route.method == "GET":
            reply = await site.get(path)
        else:
            continue
        asked += 1
        assert canary not in await _said(reply)
    assert asked >= 10
    for narrow in ({"name": canary}, {"external_id": canary}, {"phone": PHONE}, {"agent_id": agent}):
        found = await (await site.post("/v1/leads/search", {"filter": narrow})).json()
        assert found["data"] == []
    assert (await site.post("/v1/leads", a_lead(phone=OTHER_PHONE, agent_id=agent))).status == 422
    assert await site.rows("SELECT 1 FROM lead WHERE account_id = $1", site.home.account_id) == []


async def _said(reply: ClientResponse) -> str:
    """The whole reply; of one that never ends its first words."""
    if reply.content_type != "text/event-stream":
        return await reply.text()
    async for line in reply.content:
        if line.startswith(b"data: "):
            reply.close()
            return line.decode()
    raise AssertionError("the stream ended")

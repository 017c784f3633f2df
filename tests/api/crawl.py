"""Every route in turn: an account with one of everything, paths and bodies that name it, what it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse

from api.routing import Route
from tests.api.bodies import body_of
from tests.api.builders import OTHER_PHONE, Site, Tenant, a_lead

PARAMETER = re.compile(r"{(\w+)(?::[^}]*)?}")
FILES = {
    "/v1/imports": ("text/csv", "phone,name\n+12125550123,made up\nhello,made up\n"),
    "/v1/imports/{id}/parts/{part:[0-9]+}": ("application/octet-stream", "phone\n+12125550123\n"),
    "/v1/dnc/import": ("text/plain", "+12125550123\n"),
    "/v1/leads/bulk": ("application/x-ndjson", '{"phone": "+12125550123", "name": "made up"}\n'),
}
"""What is sent to routes that read their body by themselves: its type and how it begins."""

WEEK = {"mon": {"ranges": [{"start": "09:00", "end": "17:00"}]}}

TUNED: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/leads/actions"): {"filter": None},
    ("PATCH", "/v1/leads/{id}"): {"batch_id": None},
    ("POST", "/v1/cadences/import"): {"steps": [{"caller_id": {"pool": [OTHER_PHONE]}}]},
    ("POST", "/v1/templates"): {"cadence_id": None},
    ("POST", "/v1/loops/{id}/reschedule"): {"at": "2026-06-17T18:00:00Z"},
    ("POST", "/v1/callbacks"): {"at": "2030-12-24T00:00:00Z"},
    ("PATCH", "/v1/callbacks/{id}"): {"at": "2030-12-24T00:00:00Z"},
    ("POST", "/v1/attempts/{id}/result"): {"outcome": "busy"},
    ("PUT", "/v1/account/windows"): WEEK,
    ("PUT", "/v1/agents/{id}/windows"): WEEK,
}
"""Where the least is too little, or all references at once are too many."""

TABLES = (
    "SELECT table_name AS name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND column_name = 'account_id' ORDER BY 1"
)


@dataclass(frozen=True)
class Planted:
    """One of everything in an account; `ids` by collection, such as `dnc/lists`."""

    tenant: Tenant
    canary: str
    ids: dict[str, str]

    @property
    def by_kind(self) -> dict[str, str]:
        return {id_.partition("_")[0]: id_ for id_ in self.ids.values()}


def path_of(route: Route, planted: Planted) -> str:
    """The route's path with the ids of what is planted."""
    collection = collection_of(route)
    known = {
        **planted.ids,
        "version": "1",
        "part": "1",
        "external_id": planted.canary,
        "code": "internal",
        "asset": "docs.js",
        "name": "webhook",
        "token": "pcb_none",
    }

    def value(match: re.Match[str]) -> str:
        return known[collection] if match[1] == "id" else known[match[1]]

    path = PARAMETER.sub(value, route.path)
    if (route.method, route.path) == ("POST", "/v1/imports"):
        return f"{path}?agent_id={planted.ids['agents']}&name=file"
    return path


def collection_of(route: Route) -> str:
    return route.path.removeprefix("/v1/").partition("/{")[0]


def body_for(route: Route, planted: Planted) -> dict[str, Any] | None:
    """A body whose references are all to what is planted."""
    if route.body is None:
        return None
    body = body_of(route.body, planted.by_kind, about_of(route))
    tuned = TUNED.get((route.method, route.path), {})
    return {
        name: value for name, value in {**body, **tuned}.items() if name not in tuned or value is not None
    }


def about_of(route: Route) -> str:
    """The kind of what a body's `ids` are."""
    return "stp" if "/steps" in route.path else "lead"


async def ask(
    site: Site, route: Route, path: str, body: Any, *, key: str | None = None, **headers: str
) -> ClientResponse:
    """As a client that has read the object would: `If-Match: *`."""
    headers = {"If-Match": "*", **headers}
    if route.path in FILES:
        type_, text = FILES[route.path]
        headers["Content-Type"] = type_
        return await site.send(route.method, path, data=text.encode(), key=key, headers=headers)
    sent = {} if body is None else {"json": body}
    return await site.send(route.method, path, key=key, headers=headers, **sent)


async def said(reply: ClientResponse) -> str:
    """The whole reply with its headers; of one that never ends its first words."""
    head = "".join(f"{name}: {value}\n" for name, value in reply.headers.items())
    if reply.content_type != "text/event-stream":
        return head + await reply.text()
    async for line in reply.content:
        if line.startswith(b"data: "):
            reply.close()
            return head + line.decode()
    raise AssertionError("the stream ended")


async def holdings(site: Site, account_id: int) -> dict[str, list[str]]:
    """All rows of the account, table by table; without what using a key notes."""
    found = {}
    for table in await site.rows(TABLES):
        rows = await site.rows(
            f"SELECT (to_jsonb(t) - 'last_used_at')::text AS row FROM {table['name']} AS t "
            "WHERE account_id = $1 ORDER BY 1",
            account_id,
        )
        found[table["name"]] = [row["row"] for row in rows]
    return found


async def plant(site: Site, tenant: Tenant, canary: str) -> Planted:
    """Make one of everything, with the canary in each name and text."""
    write = site.deps.ids.write
    made = {"agents": write("agt", tenant.agent_id), "accounts": write("acc", tenant.account_id)}

    async def make(collection: str, body: dict[str, Any], path: str | None = None) -> dict[str, Any]:
        reply = await site.post(f"/v1/{path or collection}", body, key=tenant.key)
        assert reply.status in (200, 201, 202), (collection, await reply.text())
        answer: dict[str, Any] = await reply.json()
        made[collection] = answer["id"]
        return answer

    agent = {"agent_id": made["agents"]}
    cadence = await make("cadences", {"name": canary, "steps": [{"name": canary}]})
    made["step_id"] = cadence["steps"][0]["id"]
    await site.post(f"/v1/cadences/{cadence['id']}/publish", {"note": canary}, key=tenant.key)
    await make("templates", {"name": canary, "steps": [{"name": canary}]})
    batch = await make("batches", {"name": canary, **agent})
    lead = a_lead(name=canary, external_id=canary, tags=[canary], variables={"x": canary})
    await make("leads", {**lead, **agent, "batch_id": batch["id"]})
    [loop] = (await (await site.get("/v1/loops", key=tenant.key)).json())["data"]
    made["loops"] = loop["id"]
    await make("trunks", {"name": canary})
    number = await make("caller-ids", {"phone": OTHER_PHONE})
    await make("caller-id-pools", {"name": canary, "caller_ids": [number["id"]]})
    day = await make("no-call-days", {"date": "2026-12-24", "label": canary})
    made["jobs"] = day["job"]["id"]
    await make(
        "compliance/closures", {"ends_at": "2026-12-24T00:00:00Z", "reason": canary, "regions": ["US-AK"]}
    )
    dnc_list = await make("dnc/lists", {"name": canary})
    await make("dnc/entries", {"phone": "+12125550177", "reason": canary, "list_id": dnc_list["id"]})
    await make("api-keys", {"name": canary, "scopes": ["read"]})
    await make("exports", {"kind": "leads", "filter": {"tag": [canary]}})
    await make("callbacks", {"lead_id": made["leads"], "at": "2027-01-05T15:30:00Z", "note": canary})
    await make("exports", {"kind": "leads"})
    made["webhooks"], made["deliveries"] = await _webhook(site, tenant, canary)
    made["imports"] = await _import(site, tenant, canary, made["agents"])
    made["attempts"] = await _attempt(site, tenant)
    return Planted(tenant, canary, made)


async def _import(site: Site, tenant: Tenant, canary: str, agent: str) -> str:
    """A file of which no row comes in."""
    reply = await site.send(
        "POST", f"/v1/imports?agent_id={agent}&name={canary}-file", key=tenant.key,
        data=f"phone,name\nhello,{canary}\n".encode(), headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    assert reply.status == 202, await reply.text()
    id_: str = (await reply.json())["id"]
    return id_


async def _webhook(site: Site, tenant: Tenant, canary: str) -> tuple[str, str]:
    """With a delivery; nothing is looked up or sent for it."""
    [row] = await site.rows(
        "WITH hook AS (INSERT INTO webhook (account_id, url, types, mode, secret, seq, next_at, "
        "leased_until, created_at, updated_at) VALUES ($1, $2, '{}', 'single', '', 0, now(), now(), now(), "
        "now()) RETURNING webhook_id) "
        "INSERT INTO delivery (account_id, webhook_id, kind, after_seq, types, events, next_at, created_at, "
        "updated_at) SELECT $1, webhook_id, 'ping', 0, '{}', 0, now(), now(), now() FROM hook "
        "RETURNING webhook_id, delivery_id",
        tenant.account_id, f"https://{canary}.example.com/",
    )  # fmt: skip
    write = site.deps.ids.write
    return write("whk", row["webhook_id"]), write("dlv", row["delivery_id"])


async def _attempt(site: Site, tenant: Tenant) -> str:
    """One under way."""
    [row] = await site.rows(
        "INSERT INTO attempt (loop_id, lead_id, account_id, agent_id, batch_id, lane_id, n, step, kind, "
        "channel, state, due_at, armed_at, not_after, permit, why, rules_revision, policy_version) "
        "SELECT loop_id, lead_id, account_id, agent_id, batch_id, lane_id, 1, 1, 'first', 'call', 'armed', "
        "now(), now(), now(), gen_random_uuid(), '[]', 'r', 1 FROM loop WHERE account_id = $1 LIMIT 1 "
        "RETURNING attempt_id",
        tenant.account_id,
    )
    return site.deps.ids.write("att", row["attempt_id"])

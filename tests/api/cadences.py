"""Cadences over HTTP, for the tests of them."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientResponse

from tests.api.builders import Site

FIVE: dict[str, Any] = {
    "name": "Five-step",
    "description": "Web leads",
    "steps": [
        {"name": "Call 1", "delay_after_s": 14_400},
        {
            "name": "Call 2",
            "delay_after_s": 86_400,
            "routing": [{"on": "busy", "action": "retry", "delay_s": 14_400, "max": 2}],
        },
        {"name": "Call 3", "delay_after_s": 172_800, "voicemail": {"leave": True, "message": "Hello"}},
        {"name": "Call 4", "delay_after_s": 259_200, "caller_id": {"strategy": "rotate"}},
        {"name": "Call 5", "daypart": "rotate", "advanced": {"when": 'tags has "hot"'}},
    ],
}


async def a_cadence(site: Site, **body: Any) -> dict[str, Any]:
    """A draft."""
    reply = await site.post("/v1/cadences", {"name": "Cadence", **body})
    assert reply.status == 201, await reply.text()
    made: dict[str, Any] = await reply.json()
    assert reply.headers["Location"] == f"/v1/cadences/{made['id']}"
    return made


async def a_published_cadence(site: Site, **body: Any) -> dict[str, Any]:
    """An active one, in its first version."""
    made = await a_cadence(site, **{"steps": FIVE["steps"], **body})
    reply = await site.post(f"/v1/cadences/{made['id']}/publish", {})
    assert reply.status == 200, await reply.text()
    return await read(site, made["id"])


async def read(site: Site, cadence_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await (await site.get(f"/v1/cadences/{cadence_id}")).json()
    return found


async def change(site: Site, cadence_id: str, **fields: Any) -> dict[str, Any]:
    """PATCH of the draft as it is now."""
    path = f"/v1/cadences/{cadence_id}"
    tag = (await site.get(path)).headers["ETag"]
    reply = await site.send("PATCH", path, json=fields, headers={"If-Match": tag})
    assert reply.status == 200, await reply.text()
    changed: dict[str, Any] = await reply.json()
    return changed


async def problem(reply: ClientResponse) -> tuple[int, str, list[str]]:
    """Status, code and the places of a problem."""
    body = await reply.json()
    return reply.status, body["code"], [error["pointer"] for error in body.get("errors", ())]

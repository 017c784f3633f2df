"""RELIABILITY 5.2, the row of POST /leads, for PATCH and PUT: the right status, no 5xx, nothing changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import OTHER_PHONE, Site, a_lead
from tests.api.test_bad_input import IMPOSSIBLE, JSON, UNREADABLE
from tests.api.test_lead_changes import LEAD, take_in

PATCHED = {
    name: (raw, pointer)
    for name, (raw, pointer) in IMPOSSIBLE.items()
    if name not in ("no body", "empty object", "consent without a basis")
}
"""A PATCH may leave out everything."""


@pytest.fixture
async def lead(site: Site) -> dict[str, Any]:
    return await take_in(site, **LEAD)


async def unchanged(site: Site, lead: dict[str, Any]) -> bool:
    return bool(await (await site.get(f"/v1/leads/{lead['id']}")).json() == lead)


async def sent(site: Site, lead: dict[str, Any], raw: bytes) -> list[Any]:
    """What PATCH and PUT answer, with their problems."""
    patched = await site.send("PATCH", f"/v1/leads/{lead['id']}", data=raw, headers=JSON)
    put = await site.send("PUT", "/v1/leads/external/crm-1", data=raw, headers=JSON)
    return [(reply.status, await reply.json()) for reply in (patched, put)]


async def test_what_is_no_json_is_400_and_changes_nothing(site: Site, lead: dict[str, Any]):
    for name, raw in UNREADABLE.items():
        for status, problem in await sent(site, lead, raw):
            assert (status, problem["code"]) == (400, "malformed-body"), name
    assert await unchanged(site, lead)


async def test_what_is_impossible_is_422_points_at_the_place_and_changes_nothing(
    site: Site, lead: dict[str, Any]
):
    for name, (raw, pointer) in PATCHED.items():
        for status, problem in await sent(site, lead, raw):
            assert (status, problem["code"]) == (422, "validation-failed"), name
            assert problem["errors"][0].get("pointer", "") == pointer, name
    assert await unchanged(site, lead)


@pytest.mark.parametrize(
    "external_id", ["%00", "a%0Ab", "x" * 256, "%F0%9F%98%80", "..", "%2e%2e", "a%2Fb", "' OR 1=1 --"]
)
async def test_an_external_id_of_a_path_is_taken_as_it_is_or_not_at_all(site: Site, external_id: str):
    """RELIABILITY 5.2: path tricks."""
    reply = await site.send("PUT", f"/v1/leads/external/{external_id}", json=a_lead())

    assert reply.status in (201, 404, 405)
    if reply.status == 201:
        made = await reply.json()
        assert await (await site.get(f"/v1/leads/{made['id']}")).json() == made
    else:
        assert await site.rows("SELECT 1 FROM lead") == []


async def test_a_region_that_is_none_is_refused_by_every_way_in(site: Site, lead: dict[str, Any]):
    """D5: the lead would be exhausted at once, without a word; names, codes and an empty text are taken."""
    path, body = f"/v1/leads/{lead['id']}", {"phone": OTHER_PHONE, "region": "Narnia"}
    replies = [
        await site.post("/v1/leads", {**body, "agent_id": site.agent}),
        await site.send("PUT", "/v1/leads/external/crm-9", json=body),
        await site.send("PATCH", path, json={"region": "Narnia"}),
    ]
    for reply in replies:
        [error] = (await reply.json())["errors"]
        assert (reply.status, error["pointer"], error["code"]) == (422, "/region", "region-unknown")
    assert await site.rows("SELECT 1 FROM loop") == []
    for said in ("Florida", "us-fl", "FL", "United States", "CA-ON", "", None):
        assert (await site.send("PATCH", path, json={"region": said})).status == 200, said

"""RELIABILITY 5.2: fifty changes at once: nobody's is lost unseen, each is in the audit log as it was."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import ClientResponse

from tests.api.builders import Site
from tests.api.settings import tag_of

MANY = 50


async def at_once(site: Site, path: str, headers: dict[str, str]) -> list[ClientResponse]:
    return await asyncio.gather(
        *(site.send("PATCH", path, json={"name": f"n{n}"}, headers=headers) for n in range(MANY))
    )


async def said_of_changes(site: Site, action: str) -> list[tuple[str, str]]:
    rows = await site.rows("SELECT before, after FROM audit WHERE action = $1 ORDER BY audit_id", action)
    return [(json.loads(row["before"])["name"], json.loads(row["after"])["name"]) for row in rows]


@pytest.mark.parametrize("what", ["account", "agent"])
async def test_of_changes_to_what_all_have_read_one_wins_and_the_others_are_told(site: Site, what: str):
    """API 1: If-Match; a change that its maker did not see coming is never written over."""
    path = "/v1/account" if what == "account" else f"/v1/agents/{site.agent}"
    replies = await at_once(site, path, await tag_of(site, path))

    assert sorted(reply.status for reply in replies) == [200, *[412] * (MANY - 1)]
    [winner] = [reply for reply in replies if reply.status == 200]
    assert (await (await site.get(path)).json())["name"] == (await winner.json())["name"]
    assert len(await said_of_changes(site, f"{what}_changed")) == 1


async def test_of_changes_to_a_batch_that_all_have_read_one_wins_as_well(site: Site):
    """API 1: 412 stale, also where `If-Match` is not asked for."""
    batch = await (await site.post("/v1/batches", {"name": "b", "agent_id": site.agent})).json()
    path = f"/v1/batches/{batch['id']}"
    replies = await at_once(site, path, await tag_of(site, path))

    assert sorted(reply.status for reply in replies) == [200, *[412] * (MANY - 1)]
    assert len(await said_of_changes(site, "batch_changed")) == 1


@pytest.mark.parametrize("what", ["account", "agent"])
async def test_changes_one_upon_the_other_are_an_unbroken_chain_in_the_audit_log(site: Site, what: str):
    """RELIABILITY 5.1: before and after, in the transaction of the change."""
    path = "/v1/account" if what == "account" else f"/v1/agents/{site.agent}"
    first = (await (await site.get(path)).json())["name"]
    replies = await at_once(site, path, {"If-Match": "*"})

    assert {reply.status for reply in replies} == {200}
    chain = await said_of_changes(site, f"{what}_changed")
    assert [before for before, _ in chain] == [first, *(after for _, after in chain[:-1])]
    assert len(chain) == MANY
    assert (await (await site.get(path)).json())["name"] == chain[-1][1]


async def test_of_the_last_two_keys_that_may_do_everything_one_stays_whoever_is_quicker(site: Site):
    """RELIABILITY 5.2: keys, two at once; else nobody could make another one over HTTP."""
    keys = "/v1/api-keys"
    [mine] = (await (await site.get(keys)).json())["data"]
    other = await (await site.post(keys, {"name": "n", "scopes": ["admin"]})).json()

    replies = await asyncio.gather(
        site.send("DELETE", f"{keys}/{mine['id']}", key=other["secret"]),
        site.send("DELETE", f"{keys}/{other['id']}"),
    )
    assert sorted(reply.status for reply in replies) == [204, 409]

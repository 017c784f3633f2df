"""RELIABILITY 5.2: fifty changes at once: nobody's is lost unseen, each is in the audit log as it was."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientResponse

from scheduler.wheel import TimingWheel
from tests.api.builders import Site, a_lead, a_site
from tests.api.cadences import a_published_cadence
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


async def test_two_processes_let_one_of_those_who_have_read_the_same_change_it(
    site: Site, wheel: TimingWheel, aiohttp_client: Any
):
    """API 1: 412 stale, whichever process is asked; also of what is done to an object."""
    other = await a_site(aiohttp_client, site.database, wheel)
    batch = await (await site.post("/v1/batches", {"name": "b", "agent_id": site.agent})).json()
    path = f"/v1/batches/{batch['id']}"
    for again in range(5):
        tag = await tag_of(site, path)
        changes = [("PATCH", path, {"name": f"n{again}{n}"}) for n in range(9)]
        changes.append(("POST", f"{path}/pause", {}))
        replies = await asyncio.gather(
            *(
                process.send(method, at, json=body, headers=tag, key=site.home.key)
                for method, at, body in changes
                for process in (site, other)
            )
        )
        assert sorted(reply.status for reply in replies) == [200, *[412] * 19], again
        await site.post(f"{path}/resume", {})


async def test_what_is_done_to_a_thing_that_has_changed_since_it_was_read_is_not_done(site: Site):
    """API 1: `ETag` everywhere, 412 stale."""
    cadence = await a_published_cadence(site)
    for path, action in (
        (f"/v1/agents/{site.agent}", "pause"),
        ("/v1/account", "pause"),
        (f"/v1/cadences/{cadence['id']}", "publish"),
        (f"/v1/cadences/{cadence['id']}", "duplicate"),
        (f"/v1/cadences/{cadence['id']}", "archive"),
    ):
        tag, body = await tag_of(site, path), {"reason": "r"} if action == "pause" else {}
        changed = await site.send("PATCH", path, json={"name": f"{action}d"}, headers=tag)
        assert changed.status == 200, await changed.text()
        stale = await site.post(f"{path}/{action}", body, headers=tag)
        fresh = await site.post(f"{path}/{action}", body, headers=await tag_of(site, path))
        assert (stale.status, fresh.status < 300) == (412, True), (path, action, await fresh.text())


async def test_what_changes_by_itself_keeps_nobody_from_changing_the_rest(site: Site):
    """API 5: the throttle is editable while running; who reads the counts anew gets them all the same."""
    batch = await (await site.post("/v1/batches", {"name": "b", "agent_id": site.agent})).json()
    path = f"/v1/batches/{batch['id']}"
    tag = await tag_of(site, path)
    await site.post("/v1/leads", a_lead(agent_id=site.agent, batch_id=batch["id"]))

    shown = await site.get(path, headers={"If-None-Match": tag["If-Match"]})
    assert (shown.status, (await shown.json())["counts"]["leads"]) == (200, 1)
    faster = {"throttle": {"max_per_min": 5}}
    assert [(await site.send("PATCH", path, json=faster, headers=tag)).status for _ in range(2)] == [200, 412]


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


async def until_somebody_waits(site: Site) -> None:
    """For a row that a transaction of the test holds."""
    for _ in range(10_000):
        if await site.rows(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            return
    raise AssertionError("nobody waits for a lock")


async def test_of_the_last_two_keys_that_may_do_everything_one_stays_whoever_is_quicker(site: Site):
    """RELIABILITY 5.2: keys, two at once; else nobody could make another one over HTTP. The second one's look
    at the others begins before the first has committed."""
    keys = "/v1/api-keys"
    [mine] = (await (await site.get(keys)).json())["data"]
    await site.post(keys, {"name": "n", "scopes": ["admin"]})
    async with site.database.transaction() as on:
        await on.execute("SELECT FROM account FOR NO KEY UPDATE")
        await on.execute("UPDATE api_key SET revoked_at = now() WHERE name = 'n'")
        second = asyncio.ensure_future(site.send("DELETE", f"{keys}/{mine['id']}"))
        await until_somebody_waits(site)

    assert (await second).status == 409


@pytest.mark.parametrize("what", ["agent", "cadence"])
async def test_a_delete_is_compared_with_what_was_changed_while_it_waited(site: Site, what: str):
    """API 1: 412 stale; what somebody has changed since it was read is not deleted unseen. A delete asks for
    no `If-Match`: the contract asks for it to change, and what is gone needs no merging."""
    if what == "agent":
        path = f"/v1/agents/{site.agent}"
        edit = "UPDATE agent SET name = 'n'"
    else:
        made = await site.post("/v1/cadences", {"name": "c", "steps": [{}]})
        path = f"/v1/cadences/{(await made.json())['id']}"
        edit = "UPDATE cadence SET draft_version = draft_version + 1"
    read = await tag_of(site, path)
    async with site.database.transaction() as on:
        await on.execute(edit)
        deleted = asyncio.ensure_future(site.send("DELETE", path, headers=read))
        await until_somebody_waits(site)

    assert (await deleted).status == 412
    assert (await site.send("DELETE", path, headers=await tag_of(site, path))).status == 204
    assert (await site.get(path)).status == 404


async def test_an_edit_is_compared_with_what_was_published_while_it_waited(site: Site):
    """API 1: `draft_dirty` is false where the draft says what the latest version says."""
    path = f"/v1/cadences/{(await a_published_cadence(site))['id']}"
    async with site.database.transaction() as on:
        await on.execute("SELECT FROM cadence FOR NO KEY UPDATE")
        await on.execute(
            "INSERT INTO cadence_version "
            "(account_id, cadence_id, version, content, published_by, published_at) "
            "SELECT account_id, cadence_id, 2, jsonb_set(content::jsonb, '{name}', '\"New\"'), '', now() "
            "FROM cadence_version"
        )
        await on.execute("UPDATE cadence SET version = 2")
        edit = asyncio.ensure_future(
            site.send("PATCH", path, json={"name": "New"}, headers={"If-Match": "*"})
        )
        await until_somebody_waits(site)
    after = await edit

    assert after.status == 200, await after.text()
    assert not (await after.json())["draft_dirty"]

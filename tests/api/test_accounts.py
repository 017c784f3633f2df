"""Accounts of the installation, for its operator (API 5), and the audit log (RELIABILITY 5.1)."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.errors import Refused
from scheduler.ledger.accounts import create_account
from scheduler.ledger.database import Database
from scheduler.ledger.keys import create_key
from tests.api.builders import NOON_ON_A_TUESDAY, Site, a_tenant

ACCOUNTS = "/v1/accounts"


async def make(site: Site, name: str = "Beta") -> dict:
    reply = await site.post(ACCOUNTS, {"name": name, "timezone": "America/Denver"})
    assert reply.status == 201, await reply.text()
    assert reply.headers["ETag"] == (await site.get(reply.headers["Location"])).headers["ETag"]
    return await reply.json()


async def test_the_operator_makes_an_account_with_a_key_that_works_in_it_alone(site: Site):
    made = await make(site)
    mine = await (await site.get("/v1/account", key=made["key"])).json()
    assert (mine["id"], mine["name"], mine["timezone"]) == (made["id"], "Beta", "America/Denver")
    assert (await (await site.get("/v1/agents", key=made["key"])).json())["data"] == []
    names = [row["name"] for row in (await (await site.get(f"{ACCOUNTS}?order=desc")).json())["data"]]
    assert names[0] == "Beta"
    assert (await site.post(ACCOUNTS, {"name": "Gamma", "timezone": "Mars"})).status == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", ""), ("GET", "/{id}"), ("PATCH", "/{id}"), ("DELETE", "/{id}")],
)
async def test_nobody_but_the_operator_learns_that_there_are_other_accounts(
    site: Site, method: str, path: str
):
    """I24."""
    made = await make(site)
    mine = site.deps.ids.write("acc", site.home.account_id)
    body = {"name": "x"} if method in ("POST", "PATCH") else None
    reply = await site.send(method, ACCOUNTS + path.format(id=mine), key=made["key"], json=body)
    assert reply.status == 403
    assert "Acme" not in await reply.text()


async def test_a_suspended_account_is_refused_and_does_not_dial_until_it_is_lifted(site: Site):
    made = await make(site)
    path = f"{ACCOUNTS}/{made['id']}"
    suspended = await (await site.send("PATCH", path, json={"suspended": True})).json()
    assert (suspended["suspended"], suspended["paused"]) == (True, True)
    reply = await site.get("/v1/account", key=made["key"])
    assert (reply.status, (await reply.json())["code"]) == (403, "account-suspended")

    lifted = await (await site.send("PATCH", path, json={"suspended": False})).json()
    assert (lifted["suspended"], lifted["paused"]) == (False, True), "its own people resume it"


async def test_the_operator_is_never_suspended_or_removed(site: Site):
    path = f"{ACCOUNTS}/{site.deps.ids.write('acc', site.home.account_id)}"
    assert (await site.send("PATCH", path, json={"suspended": True})).status == 409
    assert (await site.send("DELETE", path)).status == 409


async def test_an_account_with_nothing_in_it_can_be_removed_and_one_with_agents_cannot(site: Site):
    made, full = await make(site), await a_tenant(site.database, "full")
    assert (await site.send("DELETE", f"{ACCOUNTS}/{made['id']}")).status == 204
    assert (await site.get(f"{ACCOUNTS}/{made['id']}")).status == 404
    assert (await site.get("/v1/account", key=made["key"])).status == 401
    kept = await site.send("DELETE", f"{ACCOUNTS}/{site.deps.ids.write('acc', full.account_id)}")
    assert (kept.status, (await kept.json())["code"]) == (409, "in-use")


async def test_the_audit_log_tells_who_did_what_from_where_with_public_ids(site: Site):
    made = await (await site.post("/v1/trunks", {"name": "east"})).json()
    await site.send("PATCH", f"/v1/trunks/{made['id']}", json={"name": "west"})
    lines = (await (await site.get(f"/v1/audit?target={made['id']}")).json())["data"]
    assert [line["action"] for line in lines] == ["trunk_changed", "trunk_created"], "newest first"
    newest = lines[0]
    assert (newest["before"], newest["after"]) == ({"name": "east"}, {"name": "west"})
    assert newest["actor"].startswith("key:")
    assert newest["address"] == "127.0.0.1"
    assert newest["request_id"].startswith("req_")
    assert newest["target"] == made["id"]
    assert newest["created_at"] == newest["updated_at"], "it never changes"


async def test_the_audit_log_is_narrowed_and_paged(site: Site):
    for number in range(4):
        await site.post("/v1/trunks", {"name": f"t{number}"})
    first = await (await site.get("/v1/audit?action=trunk_created&limit=3&count=exact")).json()
    assert (len(first["data"]), first["has_more"], first["count"]) == (3, True, 4)
    rest = await (
        await site.get(f"/v1/audit?action=trunk_created&limit=3&cursor={first['next_cursor']}")
    ).json()
    assert [line["after"]["name"] for line in rest["data"]] == ["t0"]
    assert (await (await site.get("/v1/audit?created_at.lt=2001-01-01T00:00:00Z")).json())["data"] == []
    assert (await (await site.get("/v1/audit?target=trk_nobody")).json())["data"] == []


async def test_an_audit_line_of_another_account_is_never_shown(site: Site):
    """I24."""
    other = await a_tenant(site.database, "other")
    await site.post("/v1/trunks", {"name": "secret trunk"}, key=other.key)
    assert "secret trunk" not in await (await site.get("/v1/audit?limit=200")).text()
    assert (await site.get("/v1/audit", key=other.key)).status == 200


async def test_no_account_learns_of_another_by_a_name_that_is_refused(site: Site):
    """I24: names tell accounts apart for nobody but their own."""
    made = await make(site)
    mine = await site.get("/v1/account")
    match = {"If-Match": mine.headers["ETag"]}

    renamed = await site.send("PATCH", "/v1/account", json={"name": "Beta"}, headers=match)
    again = await site.post(ACCOUNTS, {"name": "Beta"})

    assert (renamed.status, (await renamed.json())["name"], again.status) == (200, "Beta", 201)
    assert (await (await site.get("/v1/account", key=made["key"])).json())["id"] == made["id"]


async def test_of_two_first_accounts_at_once_one_is_the_operator_s(database: Database):
    """The index says it, whoever starts at the same moment."""
    made = await asyncio.gather(
        *(create_account(database, name="main", now_ms=NOON_ON_A_TUESDAY) for _ in range(4)),
        return_exceptions=True,
    )

    async with database.connection() as on:
        operators = await on.fetchval("SELECT count(*) FROM account WHERE operator")
    assert operators == 1
    assert all(isinstance(each, int | Refused) for each in made)


async def test_an_account_is_made_live_with_a_live_key_alone_and_plans_anew(site: Site):
    """MISSION 16: nothing that a test key can ask for leads to a real call."""
    made = await make(site)
    path = f"{ACCOUNTS}/{made['id']}"
    for method, where, body in (
        ("PATCH", path, {"live": True}),
        ("POST", "/v1/api-keys", {"name": "k", "environment": "live", "scopes": ["admin"]}),
    ):
        reply = await site.send(method, where, json=body)
        assert (reply.status, (await reply.json())["code"]) == (403, "scope-missing")
    assert made["live"] is False

    now_ms = site.clock.now_ms()
    live = await create_key(site.database, site.home.account_id, "live", "live", ["admin"], now_ms)
    site.deps.keys._known.clear()
    await site.rows("UPDATE agent SET policy_version = 5")
    mine = f"{ACCOUNTS}/{site.deps.ids.write('acc', site.home.account_id)}"
    for _ in range(2):
        changed = await site.send("PATCH", mine, json={"live": True}, key=live)
        assert (await changed.json())["live"] is True

    [agent] = await site.rows("SELECT policy_version FROM agent")
    assert agent["policy_version"] == 6, "once: what was planned before is planned anew"
    assert (await site.send("PATCH", mine, json={"name": "Same"}, key=live)).status == 200
    [account] = await site.rows("SELECT simulated FROM account WHERE account_id = $1", site.home.account_id)
    assert account["simulated"] is False
    site.deps.keys._known.clear()
    assert (await site.get("/v1/account")).status == 403, "the test key reaches it no more"
    told = await site.rows("SELECT 1 FROM audit WHERE action = 'account_managed'")
    assert len(told) >= 2

"""API keys over HTTP (API 5, RELIABILITY 5.1): shown once, rotated, revoked."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from scheduler.ledger.instants import EPOCH
from tests.api.builders import Site, a_tenant

KEYS = "/v1/api-keys"


async def make(site: Site, **fields: object) -> dict:
    reply = await site.post(KEYS, {"name": "crm", "scopes": ["read"], **fields})
    assert reply.status == 201, await reply.text()
    return await reply.json()


async def test_a_new_key_works_at_once_within_its_scopes_and_its_secret_is_shown_once(site: Site):
    made = await make(site)
    assert made["secret"].startswith(made["prefix"])
    assert (await site.get("/v1/account", key=made["secret"])).status == 200
    assert (await site.post("/v1/leads", {"phone": "+12125550123"}, key=made["secret"])).status == 403

    shown = await (await site.get(f"{KEYS}/{made['id']}")).json()
    assert "secret" not in shown
    listed = await (await site.get(f"{KEYS}?count=exact")).text()
    assert made["secret"] not in listed
    assert '"count":2' in listed


async def test_a_repeated_request_gets_the_key_without_its_secret_which_is_stored_nowhere(site: Site):
    """RELIABILITY 5.1: secrets are never in the ledger in clear, the stored reply is no exception."""
    headers = {"Idempotency-Key": "k1"}
    first = await (await site.post(KEYS, {"name": "x", "scopes": ["read"]}, headers=headers)).json()
    again = await site.post(KEYS, {"name": "x", "scopes": ["read"]}, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await again.json() == {**first, "secret": None}
    secret = first["secret"].rpartition("_")[2].encode()
    kept = await site.rows("SELECT body FROM idempotency")
    assert not [row for row in kept if secret in row["body"]]


async def test_after_a_rotation_both_keys_hold_until_the_grace_is_over(site: Site):
    old = await make(site)
    reply = await site.post(f"{KEYS}/{old['id']}/rotate", {"grace_s": 60})
    new = await reply.json()
    assert reply.status == 201
    for key in (old, new):
        assert (await site.get("/v1/account", key=key["secret"])).status == 200
    ends = (await (await site.get(f"{KEYS}/{old['id']}")).json())["expires_at"]
    now = EPOCH + timedelta(milliseconds=site.clock.wall_ms())
    assert abs((now + timedelta(seconds=60)).timestamp() - _seconds(ends)) < 5
    assert (await (await site.get(f"{KEYS}/{new['id']}")).json())["scopes"] == ["read"]


async def test_a_revoked_key_is_refused_once_it_is_no_longer_remembered(site: Site):
    key = await make(site)
    assert (await site.send("DELETE", f"{KEYS}/{key['id']}")).status == 204
    assert (await site.get("/v1/account", key=key["secret"])).status == 401
    assert (await site.send("DELETE", f"{KEYS}/{key['id']}")).status == 204, "again changes nothing"
    assert (await site.send("PATCH", f"{KEYS}/{key['id']}", json={"name": "y"})).status == 409
    assert (await site.post(f"{KEYS}/{key['id']}/rotate", {})).status == 409


async def test_the_last_key_that_may_do_everything_stays(site: Site):
    """Else nobody could make another one over HTTP."""
    [row] = (await (await site.get(KEYS)).json())["data"]
    refused = await site.send("DELETE", f"{KEYS}/{row['id']}")
    assert (refused.status, (await refused.json())["code"]) == (409, "in-use")
    lesser = await site.send("PATCH", f"{KEYS}/{row['id']}", json={"scopes": ["read"]})
    assert lesser.status == 409
    ending = await site.send("PATCH", f"{KEYS}/{row['id']}", json={"expires_at": "2030-01-01T00:00:00Z"})
    assert ending.status == 409

    await make(site, scopes=["admin"])
    assert (await site.send("DELETE", f"{KEYS}/{row['id']}")).status == 204


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["all"]},
        {"name": " ", "scopes": ["read"]},
        {"name": "x", "scopes": ["read"], "environment": "prod"},
        {"name": "x", "scopes": ["read"], "expires_at": "soon"},
        {"name": "x", "scopes": ["read"], "expires_at": "9999-01-01T00:00:00Z"},
    ],
)
async def test_a_key_that_makes_no_sense_is_422(site: Site, body: dict):
    assert (await site.post(KEYS, body)).status == 422


async def test_a_key_does_not_end_before_it_begins(site: Site):
    """API 2: pointer and hint; DELETE is for ending one at once."""
    past = {"expires_at": "2020-01-01T00:00:00Z"}
    key = await make(site)
    made = await site.post(KEYS, {"name": "x", "scopes": ["read"], **past})
    changed = await site.send("PATCH", f"{KEYS}/{key['id']}", json=past)
    for reply in (made, changed):
        problem = await reply.json()
        assert (reply.status, problem["errors"][0]["pointer"]) == (422, "/expires_at")
        assert "DELETE" in problem["hint"]

    await site.rows("UPDATE api_key SET expires_at = now() - interval '1 hour' WHERE name = 'crm'")
    shown = await (await site.get(f"{KEYS}/{key['id']}")).json()
    again = {"name": "renamed", "expires_at": shown["expires_at"]}
    assert (await site.send("PATCH", f"{KEYS}/{key['id']}", json=again)).status == 200, "as it is"


async def test_keys_are_managed_by_admins_and_only_their_own(site: Site):
    reader = await make(site)
    assert (await site.get(KEYS, key=reader["secret"])).status == 403
    other = await a_tenant(site.database, "other")
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
        body = {} if method in ("PATCH", "POST") else None
        reply = await site.send(method, f"{KEYS}/{reader['id']}{path}", key=other.key, json=body)
        assert reply.status == 404, method


async def test_a_key_tells_when_it_was_last_changed_and_using_it_is_no_change(site: Site):
    """API 4."""
    made = await make(site)
    await site.rows("UPDATE api_key SET created_at = created_at - interval '1 hour'")
    assert (await site.get("/v1/account", key=made["secret"])).status == 200
    used = await (await site.get(f"{KEYS}/{made['id']}")).json()
    assert used["last_used_at"] is not None
    assert used["updated_at"] == used["created_at"] < made["created_at"] == made["updated_at"]
    changed = await (await site.send("PATCH", f"{KEYS}/{made['id']}", json={"name": "y"})).json()
    assert changed["updated_at"] > changed["created_at"] == used["created_at"]

    await site.send("DELETE", f"{KEYS}/{made['id']}")
    earlier = "revoked_at = revoked_at - interval '1 minute', changed_at = changed_at - interval '1 minute'"
    await site.rows(f"UPDATE api_key SET {earlier} WHERE revoked_at IS NOT NULL")
    await site.send("DELETE", f"{KEYS}/{made['id']}")
    revoked = await (await site.get(f"{KEYS}/{made['id']}")).json()
    assert revoked["updated_at"] == revoked["revoked_at"] < changed["updated_at"], "again changes nothing"


async def test_when_a_key_was_last_used_is_known_to_the_minute(site: Site):
    [row] = (await (await site.get(KEYS)).json())["data"]
    assert row["last_used_at"] is not None


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()

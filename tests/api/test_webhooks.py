"""Webhooks over HTTP (API 5, RELIABILITY 5.1, 5.2): registered, changed, rotated, and refused where they lead
to what is not the open internet."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from scheduler.ledger.database import Database
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel
from tests.api.builders import PERMIT_S, Site, a_site, a_tenant

HOOKS = "/v1/webhooks"
URL = "https://hooks.example.com/dialwheel"


class Everywhere(AbstractResolver):
    """Every name has the same address, which a test may change."""

    address = "93.184.215.14"

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=self.address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None: ...


@pytest.fixture
def names() -> Everywhere:
    return Everywhere()


@pytest.fixture
async def site(database: Database, wheel: TimingWheel, aiohttp_client: Any, names: Everywhere) -> Site:
    settings = Settings(permit_s=PERMIT_S, import_workers=0, webhooks_kept=3)
    return await a_site(aiohttp_client, database, wheel, settings=settings, resolver=names)


async def make(site: Site, **fields: Any) -> dict[str, Any]:
    reply = await site.post(HOOKS, {"url": URL, **fields})
    assert reply.status == 201, await reply.text()
    made: dict[str, Any] = await reply.json()
    return made


async def test_a_webhook_is_made_shown_listed_changed_and_removed(site: Site) -> None:
    made = await make(site, types=["lead.created", "loop.ended", "lead.created"], mode="batch")
    path = f"{HOOKS}/{made['id']}"
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made["id"].startswith("whk_")
    assert (made["status"], made["mode"], made["types"]) == (
        "active",
        "batch",
        ["lead.created", "loop.ended"],
    )

    shown = await (await site.get(path)).json()
    assert shown == made
    assert (await (await site.get(f"{HOOKS}?count=exact")).json())["data"] == [made]

    changed = await site.send("PATCH", path, json={"url": URL + "/2", "types": [], "status": "paused"})
    body = await changed.json()
    assert (body["url"], body["types"], body["status"], body["mode"]) == (URL + "/2", [], "paused", "batch")
    assert secret not in await (await site.get(path)).text()

    assert (await site.send("DELETE", path)).status == 204
    assert (await site.get(path)).status == 404
    assert (await site.send("DELETE", path)).status == 404


async def test_a_repeated_request_gets_the_webhook_without_its_secret_which_is_stored_nowhere_in_clear(
    site: Site,
) -> None:
    """RELIABILITY 5.1: secrets are never in the ledger in clear, the stored reply is no exception."""
    headers = {"Idempotency-Key": "w1"}
    first = await (await site.post(HOOKS, {"url": URL}, headers=headers)).json()
    again = await site.post(HOOKS, {"url": URL}, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await again.json() == {**first, "secret": None}
    assert len((await (await site.get(HOOKS)).json())["data"]) == 1
    key = site.deps.sealer
    [row] = await site.rows("SELECT account_id, webhook_id, secret FROM webhook")
    assert key.open(row["secret"], row["account_id"], row["webhook_id"])
    with pytest.raises(ValueError):
        key.open(row["secret"], row["account_id"] + 1, row["webhook_id"])
    for table in ("webhook", "idempotency", "audit"):
        kept = await site.rows(f"SELECT t::text AS said FROM {table} AS t")
        assert not [row for row in kept if first["secret"].removeprefix("whsec_") in row["said"]]


async def test_a_rotation_shows_a_new_secret_once_and_says_how_long_the_old_one_holds(site: Site) -> None:
    made = await make(site)
    path = f"{HOOKS}/{made['id']}"
    answer = await site.post(f"{path}/rotate", {"grace_s": 60})
    assert answer.headers["ETag"] == (await site.get(path)).headers["ETag"], "of the webhook as it is read"
    rotated = await answer.json()
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    assert rotated["rotating_until"] is not None
    at_once = await (await site.post(f"{path}/rotate", {"grace_s": 0})).json()
    assert at_once["rotating_until"] is None


@pytest.mark.parametrize(
    "url",
    ["HTTPS://127.0.0.1/", "HTTP://hooks.example.com/", "//hooks.example.com/",
     "http://hooks.example.com/", "https://user@hooks.example.com/", "https://hooks.example.com:8080/",
     "https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/",
     "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/",
     "https://100.64.0.1/", "https://169.254.169.254/latest", "https://localhost/", "ftp://example.com/",
     "https://hooks.example.com./", "https:", "nonsense", "https://[::ffff:a9fe:a9fe]/", "https://0/",
     "https://017700000001/", "https://127\u30020\u30020.1/",
     "https://\u24dbocalhost/", "https://hooks.example.com:443@10.0.0.1/",
     "https://10.0.0.1%00.example.com/", "https:////hooks.example.com/", "https://hooks.example.com:65979/",
     "https://\u200bhooks.example.com/"],
)  # fmt: skip
async def test_no_form_of_a_forbidden_address_is_registered_nor_changed_to(site: Site, url: str) -> None:
    """RELIABILITY 5.2, webhook registration."""
    refused = await site.post(HOOKS, {"url": url})
    assert (refused.status, (await refused.json())["errors"][0]["pointer"]) == (422, "/url")
    made = await make(site)
    changed = await site.send("PATCH", f"{HOOKS}/{made['id']}", json={"url": url})
    assert changed.status == 422
    assert (await (await site.get(f"{HOOKS}/{made['id']}")).json())["url"] == URL


async def test_a_name_that_leads_to_a_private_address_or_to_ourselves_is_refused(
    site: Site, names: Everywhere
) -> None:
    names.address = "10.1.2.3"
    refused = await site.post(HOOKS, {"url": URL})
    assert refused.status == 422
    assert "10.1.2.3" not in await refused.text(), "what names lead to inside is nobody's business"
    names.address = Everywhere.address
    ours = await site.post(HOOKS, {"url": "https://api.example.com/"}, headers={"Host": "api.example.com"})
    assert ours.status == 422


@pytest.mark.parametrize("host", ["calls.example.com", "CALLS.example.com:8443", "\uff43alls.example.com"])
async def test_the_address_that_providers_know_us_by_is_ours_whatever_the_request_calls_us(
    database: Database, wheel: TimingWheel, aiohttp_client: Any, names: Everywhere, host: str
) -> None:
    settings = Settings(permit_s=PERMIT_S, import_workers=0, public_url="https://calls.example.com")
    site = await a_site(aiohttp_client, database, wheel, settings=settings, resolver=names)
    assert (await site.post(HOOKS, {"url": f"https://{host}/v1"})).status == 422


@pytest.mark.parametrize(
    "body",
    [{}, {"url": URL, "types": ["lead.create"]}, {"url": URL, "mode": "stream"}, {"url": URL, "secret": "x"},
     {"url": URL, "types": ["lead.created"] * 51}, {"url": "https://example.com/" + "x" * 2048}, {"url": 7}],
)  # fmt: skip
async def test_a_webhook_that_makes_no_sense_is_422(site: Site, body: dict[str, Any]) -> None:
    assert (await site.post(HOOKS, body)).status == 422


async def test_an_account_has_only_so_many_webhooks(site: Site) -> None:
    for _ in range(3):
        await make(site)
    refused = await site.post(HOOKS, {"url": URL})
    assert (refused.status, (await refused.json())["code"]) == (409, "state-conflict")


async def test_a_ping_a_retry_and_a_replay_need_a_webhook_that_is_active(site: Site) -> None:
    made = await make(site)
    path = f"{HOOKS}/{made['id']}"
    pinged = await site.post(f"{path}/ping")
    delivery = await pinged.json()
    assert (pinged.status, delivery["kind"], delivery["status"]) == (202, "ping", "pending")
    assert (delivery["events"], delivery["event_id"]) == (0, None)
    assert (await site.post(f"/v1/deliveries/{delivery['id']}/retry")).status == 202
    listed = await (await site.get(f"{path}/deliveries?status=pending&count=exact")).json()
    assert ([one["id"] for one in listed["data"]], listed["count"]) == ([delivery["id"]], 1)
    span = {"from": "2026-06-16T00:00:00Z"}
    assert (await site.post(f"{path}/replay", span)).status == 202, "of nothing: over at once"
    for wrong, pointer in (
        ({**span, "to": "2026-06-15T00:00:00Z"}, "/to"),
        ({"from": "2199-01-01T00:00:00Z"}, "/from"),
    ):
        refused = await site.post(f"{path}/replay", wrong)
        assert (refused.status, (await refused.json())["errors"][0]["pointer"]) == (422, pointer)

    await site.send("PATCH", path, json={"status": "paused"})
    assert (await site.post(f"{path}/ping")).status == 409
    assert (await site.post(f"{path}/replay", span)).status == 409
    assert (await site.post(f"/v1/deliveries/{delivery['id']}/retry")).status == 409


async def test_webhooks_are_changed_by_admins_and_only_their_own(site: Site) -> None:
    """I24."""
    made = await make(site)
    delivery = await (await site.post(f"{HOOKS}/{made['id']}/ping")).json()
    other = await a_tenant(site.database, "other")
    paths = (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/ping"), ("POST", "/rotate"),
             ("POST", "/replay"), ("GET", "/deliveries"))  # fmt: skip
    for method, rest in paths:
        body: dict[str, Any] | None = {} if method == "PATCH" or rest == "/rotate" else None
        body = {"from": "2026-06-16T00:00:00Z"} if rest == "/replay" else body
        reply = await site.send(method, f"{HOOKS}/{made['id']}{rest}", key=other.key, json=body)
        assert reply.status == 404, rest
    assert (await site.post(f"/v1/deliveries/{delivery['id']}/retry", key=other.key)).status == 404
    assert (await (await site.get(HOOKS, key=other.key)).json())["data"] == []

    reader = await (await site.post("/v1/api-keys", {"name": "r", "scopes": ["read"]})).json()
    assert (await site.get(HOOKS, key=reader["secret"])).status == 200
    assert (await site.post(HOOKS, {"url": URL}, key=reader["secret"])).status == 403


async def test_every_change_of_a_webhook_is_in_the_audit_log(site: Site) -> None:
    made = await make(site)
    path = f"{HOOKS}/{made['id']}"
    await site.send("PATCH", path, json={"mode": "batch"})
    await site.send("PATCH", path, json={"mode": "batch"})
    await site.post(f"{path}/rotate", {})
    await site.send("DELETE", path)
    lines = (await (await site.get("/v1/audit?order=asc")).json())["data"]
    assert [line["action"] for line in lines if line["target"] == made["id"]] == [
        "webhook_created", "webhook_changed", "webhook_secret_rotated", "webhook_deleted",
    ]  # fmt: skip

"""Keys: RELIABILITY 5.1."""

from __future__ import annotations

import pytest

from api.auth import REMEMBERED_S, KeyRing
from api.problems import Problem
from scheduler.clock import SteppedClock
from scheduler.errors import NotFound, Refused
from scheduler.ledger.database import Database
from scheduler.ledger.keys import SCOPES, create_key, parse_key, revoke_key
from tests.api.builders import NOON_ON_A_TUESDAY, Site, a_lead, a_tenant


class MovableClock(SteppedClock):
    """Its monotonic seconds are moved by hand."""

    seconds = 0.0

    def monotonic_s(self) -> float:
        return self.seconds


async def test_every_kind_of_wrong_key_gets_the_same_401(site: Site):
    good = site.home.key
    other = await a_tenant(site.database, "Other")
    mixed = "_".join([*other.key.split("_")[:3], good.split("_")[3]])
    unknown = "dw_test_" + "0" * 12 + "_" + "a" * 49
    tokens = ["", f"{good}x", good[:-1], mixed, good.replace("test", "live"), unknown, "x" * 7000]
    wrong = [None, "", "Bearer", "Basic abc", f"Token {good}", *(f"Bearer {token}" for token in tokens)]
    for header in wrong:
        headers = {} if header is None else {"Authorization": header}
        reply = await site.client.get("/v1/account", headers=headers)
        assert reply.status == 401, header
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert (await reply.json())["code"] == "unauthenticated"
        assert good.split("_")[3] not in await reply.text()


async def test_a_key_in_the_query_or_a_cookie_is_no_key(site: Site):
    assert (await site.client.get(f"/v1/account?key={site.home.key}")).status == 401
    assert (await site.client.get("/v1/account", cookies={"Authorization": site.home.key})).status == 401


async def test_a_key_does_only_what_its_scopes_say(site: Site):
    reader = await create_key(site.database, site.home.account_id, "r", "test", ["read"], NOON_ON_A_TUESDAY)

    assert (await site.get("/v1/account", key=reader)).status == 200
    for path, body in (
        ("/v1/leads", a_lead()),
        ("/v1/account/pause", {"reason": "x"}),
        ("/v1/dnc/entries", {"phone": "+12125550123"}),
        ("/v1/imports", None),
    ):
        reply = await site.post(path, body, key=reader)
        assert reply.status == 403, path
        assert (await reply.json())["code"] == "scope-missing"
    assert await site.rows("SELECT 1 FROM lead") == []


async def test_a_test_key_stops_working_when_its_account_reaches_real_phones(site: Site):
    await site.rows("UPDATE account SET simulated = false")

    assert (await site.get("/v1/account")).status == 403


async def test_a_test_key_cannot_be_made_for_an_account_that_reaches_real_phones(
    database: Database, site: Site
):
    real = await a_tenant(site.database, "Real", environment="live", simulated=False)

    with pytest.raises(Refused):
        await create_key(site.database, real.account_id, "t", "test", ["read"], NOON_ON_A_TUESDAY)


async def test_a_revoked_key_is_refused_within_five_seconds(site: Site):
    """RELIABILITY 5.1: revocation effective within 5 s on all nodes, tested."""
    clock = MovableClock(NOON_ON_A_TUESDAY)
    ring = KeyRing(site.database, site.deps.id_key, clock)
    header = f"Bearer {site.home.key}"
    await ring.caller_of(header)
    parsed = parse_key(site.home.key)
    assert parsed is not None

    assert await revoke_key(site.database, site.home.account_id, parsed.key_id, NOON_ON_A_TUESDAY)
    clock.seconds = REMEMBERED_S

    assert REMEMBERED_S < 5
    with pytest.raises(Problem):
        await ring.caller_of(header)


async def test_an_expired_key_is_refused(site: Site):
    await site.rows("UPDATE api_key SET expires_at = now() - interval '1 s'")

    assert (await site.get("/v1/account")).status == 401


async def test_the_ledger_holds_no_secret_and_no_two_keys_share_one(site: Site):
    again = await create_key(site.database, site.home.account_id, "2", "test", ["read"], NOON_ON_A_TUESDAY)

    rows = await site.rows("SELECT api_key::text AS all FROM api_key")

    secrets = {key.split("_")[3] for key in (site.home.key, again)}
    assert len(secrets) == 2
    for row in rows:
        assert not any(secret[:43] in row["all"] for secret in secrets)


async def test_a_foreign_account_cannot_revoke_a_key(site: Site):
    """I24."""
    parsed = parse_key(site.home.key)
    assert parsed is not None

    assert not await revoke_key(site.database, site.home.account_id + 1, parsed.key_id, NOON_ON_A_TUESDAY)
    assert (await site.get("/v1/account")).status == 200


@pytest.mark.parametrize(
    ("environment", "scopes"),
    [("prod", ["read"]), ("test", []), ("test", ["root"]), ("test", [*SCOPES, "x"])],
)
async def test_a_key_of_no_known_kind_cannot_be_made(site: Site, environment: str, scopes: list[str]):
    with pytest.raises(ValueError, match="unknown"):
        await create_key(site.database, site.home.account_id, "", environment, scopes, NOON_ON_A_TUESDAY)


async def test_a_key_for_nobody_cannot_be_made(site: Site):
    with pytest.raises(NotFound):
        await create_key(site.database, 4711, "", "test", ["read"], NOON_ON_A_TUESDAY)


def test_what_only_looks_like_a_key_is_none():
    for text in (
        "",
        "dw",
        "dw_test",
        "dw_test_a_b_c",
        "dw_test_é" + "0" * 11 + "_" + "a" * 49,
        "DW_test_x_y",
    ):
        assert parse_key(text) is None

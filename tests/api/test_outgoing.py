"""Trunks, caller ids, pools, and the route of an agent (API 5; issue 4, Gates)."""

from __future__ import annotations

from functools import partial
from typing import Any

import asyncpg
import pytest

from scheduler.domain.time import DAY
from scheduler.errors import ServerUnavailable
from tests.api.builders import OTHER_PHONE, PHONE, Site, a_lead, a_tenant

OURS = ("+16465550190", "+17185550191", "+13475550192")


async def created(site: Site, path: str, **body: Any) -> dict[str, Any]:
    reply = await site.post(f"/v1/{path}", body)
    assert reply.status == 201, await reply.text()
    made: dict[str, Any] = await reply.json()
    assert await (await site.get(f"/v1/{path}/{made['id']}")).json() == made
    return made


async def a_number(site: Site, phone: str = OURS[0], **fields: Any) -> dict[str, Any]:
    return await created(site, "caller-ids", phone=phone, **fields)


async def reroute(site: Site, *, tag: str | None = None, **route: Any) -> Any:
    """PATCH of the home agent, with the tag of what it is now unless told otherwise."""
    if tag is None:
        tag = (await site.get(f"/v1/agents/{site.agent}")).headers["ETag"]
    return await site.send("PATCH", f"/v1/agents/{site.agent}", json=route, headers={"If-Match": tag})


async def a_claim(site: Site, claim_id: str) -> int:
    """How many loops the wheel hands out now."""
    epoch = await site.flow.wheel.epoch(0)
    assert epoch is not None
    claimed = await site.flow.wheel.claim(
        0, worker=claim_id, claim_id=claim_id, limit=100, now_ms=site.clock.now_ms(),
        wall_ms=site.clock.wall_ms(), epoch=epoch,
    )  # fmt: skip
    return len(claimed.claims)


async def test_a_trunk_is_made_changed_listed_and_removed(site: Site):
    trunk = await created(site, "trunks", name="East", max_concurrent=20, max_dials_per_s=2.5)
    assert (trunk["object"], trunk["paused"]) == ("trunk", False)

    path = f"/v1/trunks/{trunk['id']}"
    changed = await site.send("PATCH", path, json={"max_concurrent": None, "paused": True})

    assert await changed.json() == {
        **trunk, "max_concurrent": None, "paused": True, "updated_at": trunk["updated_at"]
    }  # fmt: skip
    assert changed.headers["ETag"] == (await site.get(path)).headers["ETag"]
    listed = (await (await site.get("/v1/trunks")).json())["data"]
    assert [each["name"] for each in listed] == ["East"]
    assert (await site.send("DELETE", path)).status == 204
    assert (await site.get(path)).status == 404


async def test_a_caller_id_takes_cap_and_region_by_itself_and_shows_its_use_today(site: Site):
    number = await a_number(site, "+1 646 555 0190")
    assert (number["phone"], number["daily_cap"], number["region"]) == (OURS[0], 100, "US-NY")
    await site.rows("INSERT INTO caller_id_use VALUES (1, '2026-06-16', 7), (1, '2026-06-15', 9)")

    path = f"/v1/caller-ids/{number['id']}"
    rest = "2026-06-20T12:00:00.000Z"
    changed = await site.send(
        "PATCH", path, json={"daily_cap": 8, "rest_until": rest, "region": "florida", "status": "paused"}
    )

    assert await changed.json() == {
        **number, "daily_cap": 8, "rest_until": rest, "region": "US-FL", "status": "paused", "used_today": 7
    }  # fmt: skip
    cleared = await (await site.send("PATCH", path, json={"rest_until": None, "region": None})).json()
    assert (cleared["rest_until"], cleared["region"], cleared["daily_cap"]) == (None, None, 8)
    site.clock.move_to(site.clock.now_ms() + DAY)
    assert (await (await site.get(path)).json())["used_today"] == 0


async def test_a_pool_keeps_its_numbers_in_order_and_tells_what_is_left_today(site: Site):
    numbers = [(await a_number(site, phone, daily_cap=4))["id"] for phone in OURS]
    pool = await created(site, "caller-id-pools", name="P", strategy="local", caller_ids=numbers[:0:-1])
    assert (pool["caller_ids"], pool["left_today"]) == (numbers[:0:-1], 8)
    assert pool["renews_at"] == "2026-06-17T04:00:00.000Z"

    path = f"/v1/caller-id-pools/{pool['id']}"
    changed = await (await site.send("PATCH", path, json={"caller_ids": numbers, "strategy": "fixed"})).json()

    assert (changed["caller_ids"], changed["left_today"], changed["name"]) == (numbers, 4, "P")
    member = await (await site.get(f"/v1/caller-ids/{numbers[0]}")).json()
    assert member["caller_id_pool_id"] == pool["id"]
    assert (await (await site.get("/v1/caller-id-pools")).json())["data"] == [changed]
    assert (await site.send("DELETE", path)).status == 204
    assert (await site.get(f"/v1/caller-ids/{numbers[0]}")).status == 200


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [("trunks", {"name": " "}, "/name"), ("trunks", {"name": "a", "max_concurrent": 0}, "/max_concurrent"),
     ("trunks", {"name": "a", "max_dials_per_s": 0}, "/max_dials_per_s"), ("trunks", {}, "/name"),
     ("trunks", {"nmae": "a"}, "/nmae"), ("caller-ids", {"phone": "12"}, "/phone"),
     ("caller-ids", {"phone": OURS[0], "daily_cap": 0}, "/daily_cap"),
     ("caller-ids", {"phone": OURS[0], "region": "Atlantis"}, "/region"),
     ("caller-ids", {"phone": OURS[0], "rest_until": "2026-06-20T12:00:00"}, "/rest_until"),
     ("caller-ids", {"phone": OURS[0], "status": "burned"}, "/status"),
     ("caller-id-pools", {"name": "P", "strategy": "best"}, "/strategy"),
     ("caller-id-pools", {"name": "P", "caller_ids": ["cid_x"]}, "/caller_ids/0")],
)  # fmt: skip
async def test_what_makes_no_sense_is_422_and_pointed_at(site: Site, path: str, body: dict, pointer: str):
    reply = await site.post(f"/v1/{path}", body)

    assert reply.status == 422
    assert (await reply.json())["errors"][0]["pointer"] == pointer


async def test_what_is_taken_or_in_use_is_409(site: Site):
    number = await a_number(site)
    trunk = await created(site, "trunks", name="T")
    pool = await created(site, "caller-id-pools", name="P", caller_ids=[number["id"]])
    assert (await reroute(site, trunk_id=trunk["id"], caller_id_pool_id=pool["id"])).status == 200

    for path, body, code in (
        ("/v1/trunks", {"name": "T"}, "state-conflict"),
        ("/v1/caller-ids", {"phone": OURS[0]}, "state-conflict"),
        ("/v1/caller-id-pools", {"name": "P"}, "state-conflict"),
        ("/v1/caller-id-pools", {"name": "Q", "caller_ids": [number["id"]]}, "state-conflict"),
    ):
        reply = await site.post(path, body)
        assert (reply.status, (await reply.json())["code"]) == (409, code), path
    assert len((await (await site.get("/v1/caller-id-pools")).json())["data"]) == 1
    for path in (f"trunks/{trunk['id']}", f"caller-id-pools/{pool['id']}", f"caller-ids/{number['id']}"):
        reply = await site.send("DELETE", f"/v1/{path}")
        assert (reply.status, (await reply.json())["code"]) == (409, "in-use"), path


async def test_a_route_needs_the_tag_of_what_was_read(site: Site):
    """API 1: If-Match to change agents; 428 absent, 412 stale."""
    trunk = await created(site, "trunks", name="T")
    path = f"/v1/agents/{site.agent}"
    tag = (await site.get(path)).headers["ETag"]

    without = await site.send("PATCH", path, json={"trunk_id": trunk["id"]})
    first = await reroute(site, tag=tag, trunk_id=trunk["id"])
    stale = await reroute(site, tag=tag, trunk_id=None)

    assert (without.status, (await without.json())["code"]) == (428, "precondition-required")
    assert (first.status, (await first.json())["trunk_id"]) == (200, trunk["id"])
    assert (stale.status, (await stale.json())["code"]) == (412, "version-stale")
    again = await reroute(site, tag=first.headers["ETag"], trunk_id=None)
    assert (await again.json())["trunk_id"] is None


async def test_a_new_route_outdates_what_is_planned_and_holds_at_the_next_claim(site: Site):
    """I10 and issue 4: policy version raised, lanes behind the new gates at once."""
    for phone in (PHONE, OTHER_PHONE):
        assert (await site.post("/v1/leads", a_lead(phone=phone, agent_id=site.agent))).status == 201
    number = await a_number(site, daily_cap=1)
    pool = await created(site, "caller-id-pools", name="P", caller_ids=[number["id"]])
    [before] = await site.rows("SELECT policy_version FROM agent")

    reply = await reroute(site, caller_id_pool_id=pool["id"])

    assert (await reply.json())["caller_id_pool_id"] == pool["id"]
    [after] = await site.rows("SELECT policy_version FROM agent")
    assert after["policy_version"] == before["policy_version"] + 1
    assert [await a_claim(site, "one"), await a_claim(site, "two")] == [1, 0]
    path = f"/v1/caller-ids/{number['id']}"
    assert (await site.send("PATCH", path, json={"daily_cap": 9})).status == 200
    assert await a_claim(site, "three") == 1


async def test_a_trunk_that_is_paused_holds_its_lanes_at_once(site: Site):
    trunk = await created(site, "trunks", name="T")
    await reroute(site, trunk_id=trunk["id"])
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    await site.send("PATCH", f"/v1/trunks/{trunk['id']}", json={"paused": True})

    assert await a_claim(site, "one") == 0
    told = await (await site.get(f"/v1/leads/{lead['id']}/explain")).json()
    assert ("pause", "the trunk T is paused") in [(b["rule"], b["detail"]) for b in told["blockers"]]
    await site.send("PATCH", f"/v1/trunks/{trunk['id']}", json={"paused": False})
    assert await a_claim(site, "two") == 1


async def test_a_lead_behind_a_spent_pool_is_told_until_when(site: Site):
    """MISSION row 8: a batch slows and says so."""
    number = await a_number(site, daily_cap=1)
    pool = await created(site, "caller-id-pools", name="P", caller_ids=[number["id"]])
    await reroute(site, caller_id_pool_id=pool["id"])
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    explain = f"/v1/leads/{lead['id']}/explain"
    assert (await (await site.get(explain)).json())["callable_now"]
    await site.rows("INSERT INTO caller_id_use VALUES (1, '2026-06-16', 1)")

    told = await (await site.get(explain)).json()

    [blocker] = told["blockers"]
    assert (blocker["rule"], blocker["until_at"]) == ("throttle", "2026-06-17T04:00:00.000Z")
    assert not told["callable_now"]


async def test_nothing_of_another_account_can_be_named_or_referred_to(site: Site):
    """I24, by 422 at the door and by composite keys in the storage."""
    other = await a_tenant(site.database, "Other")
    theirs = await (await site.post("/v1/trunks", {"name": "T"}, key=other.key)).json()
    number = await (await site.post("/v1/caller-ids", {"phone": OURS[0]}, key=other.key)).json()
    pool = await (
        await site.post("/v1/caller-id-pools", {"name": "P", "caller_ids": [number["id"]]}, key=other.key)
    ).json()

    for route in ({"trunk_id": theirs["id"]}, {"caller_id_pool_id": pool["id"]}, {"trunk_id": "trk_x"}):
        assert (await reroute(site, **route)).status == 422
    refused = await site.post("/v1/caller-id-pools", {"name": "P", "caller_ids": [number["id"]]})
    assert refused.status == 422
    for path in (f"trunks/{theirs['id']}", f"caller-ids/{number['id']}", f"caller-id-pools/{pool['id']}"):
        assert (await site.send("PATCH", f"/v1/{path}", json={})).status == 404
        assert (await site.send("DELETE", f"/v1/{path}")).status == 404
    for sql in (
        "UPDATE agent SET trunk_id = 1 WHERE account_id = $1",
        "UPDATE agent SET caller_id_pool_id = 1 WHERE account_id = $1",
        "UPDATE caller_id_member SET account_id = $1",
    ):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await site.rows(sql, site.home.account_id)


async def test_every_change_is_in_the_audit_log_and_no_number_with_it(site: Site):
    """I23, I25."""
    number = await a_number(site)
    pool = await created(site, "caller-id-pools", name="P", caller_ids=[number["id"]])
    trunk = await created(site, "trunks", name="T")
    await reroute(site, trunk_id=trunk["id"], caller_id_pool_id=pool["id"])
    await site.send("PATCH", f"/v1/caller-ids/{number['id']}", json={"daily_cap": 3})
    await site.send("PATCH", f"/v1/caller-id-pools/{pool['id']}", json={"strategy": "sticky"})
    await site.send("PATCH", f"/v1/trunks/{trunk['id']}", json={"max_concurrent": 3})
    await reroute(site, trunk_id=None)
    await site.send("DELETE", f"/v1/trunks/{trunk['id']}")

    rows = await site.rows("SELECT action, before::text, after::text, actor FROM audit ORDER BY audit_id")

    assert [row["action"] for row in rows] == [
        "caller_id_created", "caller_id_pool_created", "trunk_created", "agent_changed", "caller_id_changed",
        "caller_id_pool_changed", "trunk_changed", "agent_changed", "trunk_deleted",
    ]  # fmt: skip
    assert (rows[4]["before"], rows[4]["after"]) == ('{"daily_cap":100}', '{"daily_cap":3}')
    assert all(row["actor"].startswith("key:") for row in rows)
    assert OURS[0][1:] not in "".join(f"{row['before']}{row['after']}" for row in rows)


async def test_with_the_wheel_away_a_change_holds_all_the_same(site: Site, monkeypatch: pytest.MonkeyPatch):
    async def away(*_: Any, **__: Any) -> None:
        raise ServerUnavailable("Redis does not answer")

    trunk = await created(site, "trunks", name="T")
    monkeypatch.setattr(site.flow.wheel, "shape", away)
    assert (await reroute(site, trunk_id=trunk["id"])).status == 200
    changed = await site.send("PATCH", f"/v1/trunks/{trunk['id']}", json={"paused": True})
    assert (await changed.json())["paused"]


async def test_what_is_removed_leaves_nothing_on_the_wheel(site: Site):
    """DESIGN 4: the wheel has the rules of what there is; a gate of nobody's stayed until it was rebuilt."""
    trunk = await created(site, "trunks", name="East", max_concurrent=20)
    number = await a_number(site)
    pool = await created(site, "caller-id-pools", name="ours", strategy="rotate", caller_ids=[number["id"]])
    trunk_id, pool_id = site.deps.ids.read("trk", trunk["id"]), site.deps.ids.read("cip", pool["id"])
    assert trunk_id is not None
    assert pool_id is not None
    gates = [f"t:{trunk_id}", f"c:{pool_id}"]
    shape = partial(site.flow.lanes.gates.shape, site.clock.now_ms(), trunks=[trunk_id], pools=[pool_id])
    await shape()
    assert await site.flow.wheel.drop_gates(0, gates) == 2
    await shape()

    assert (await site.send("DELETE", f"/v1/trunks/{trunk['id']}")).status == 204
    assert (await site.send("DELETE", f"/v1/caller-id-pools/{pool['id']}")).status == 204

    assert await site.flow.wheel.drop_gates(0, gates) == 0

"""Batches over HTTP: their pace, its changes, pause, resume and cancel (API 4 and 5)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from api.instants import utc_ms
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND
from scheduler.flow.arm import arm
from scheduler.wheel import Claim
from tests.api.builders import LONG_PERMIT_S, Site, a_lead, a_tenant

CSV = {"Content-Type": "text/csv"}
NOTHING = {"max_per_min": None, "max_concurrent": None, "start_at": None, "spread_over_s": None}


async def make(site: Site, name: str = "Nov solar", **fields: Any) -> dict[str, Any]:
    reply = await site.post("/v1/batches", {"name": name, "agent_id": site.agent, **fields})
    assert reply.status == 201, await reply.text()
    made: dict[str, Any] = await reply.json()
    del made["impact"]
    return made


async def fill(site: Site, batch: dict[str, Any], count: int, query: str = "") -> dict[str, Any]:
    rows = "\n".join(["Phone", *(f"+12125550{last}" for last in range(100, 100 + count))])
    path = f"/v1/imports?batch_id={batch['id']}{query}"
    reply = await site.send("POST", path, data=rows.encode() + b"\n", headers=CSV)
    assert reply.status == 202, await reply.text()
    return await reply.json()


async def shown(site: Site, batch: dict[str, Any]) -> dict[str, Any]:
    return await (await site.get(f"/v1/batches/{batch['id']}")).json()


async def patch(site: Site, batch: dict[str, Any], body: dict[str, Any]) -> Any:
    return await site.send("PATCH", f"/v1/batches/{batch['id']}", json=body)


async def claim(site: Site, limit: int = 100) -> list[Claim]:
    claimed = await site.flow.wheel.claim(
        0, worker="w", claim_id=uuid4().hex, limit=limit, now_ms=site.clock.now_ms(),
        wall_ms=site.clock.wall_ms(), epoch="e1",
    )  # fmt: skip
    return claimed.claims


async def count(site: Site, what: str) -> int:
    (row,) = await site.rows(f"SELECT count(*) AS n FROM {what}")
    return int(row["n"])


async def test_a_batch_is_made_with_its_whole_pace_and_shows_it(site: Site):
    start_at = utc_ms(site.clock.now_ms() + HOUR)
    throttle = {"max_per_min": 120.0, "max_concurrent": 5, "start_at": start_at, "spread_over_s": 3600}

    batch = await make(site, throttle=throttle)

    assert (batch["name"], batch["status"], batch["priority"]) == ("Nov solar", "running", "bulk")
    assert batch["throttle"] == throttle
    assert batch["agent_id"] == site.agent
    assert await shown(site, batch) == batch
    listed = await (await site.get("/v1/batches")).json()
    assert [(one["id"], one["throttle"]) for one in listed["data"]] == [(batch["id"], throttle)]
    (audit,) = await site.rows("SELECT action, object FROM audit")
    assert audit["action"] == "batch_created"


async def test_a_name_is_taken_once_and_an_agent_of_nobody_is_none(site: Site):
    await make(site)

    again = await site.post("/v1/batches", {"name": "Nov solar", "agent_id": site.agent})
    other = await a_tenant(site.database, "Other")
    foreign = await site.post(
        "/v1/batches", {"name": "x", "agent_id": site.deps.ids.write("agt", other.agent_id)}
    )

    assert (again.status, (await again.json())["code"]) == (409, "state-conflict")
    assert (foreign.status, (await foreign.json())["errors"][0]["pointer"]) == (422, "/agent_id")


@pytest.mark.parametrize(
    ("throttle", "pointer"),
    [
        ({"max_per_min": 0}, "/throttle/max_per_min"),
        ({"max_per_min": 1_000_001}, "/throttle/max_per_min"),
        ({"max_per_min": "9"}, "/throttle/max_per_min"),
        ({"max_concurrent": 0}, "/throttle/max_concurrent"),
        ({"max_concurrent": 1.5}, "/throttle/max_concurrent"),
        ({"spread_over_s": -1}, "/throttle/spread_over_s"),
        ({"spread_over_s": 604_801}, "/throttle/spread_over_s"),
        ({"start_at": "2026-06-16T18:00:00"}, "/throttle/start_at"),
        ({"start_at": -HOUR - 1}, "/throttle/start_at"),
        ({"start_at": 366 * DAY + 1}, "/throttle/start_at"),
        ({"max_per_mn": 5}, "/throttle/max_per_mn"),
    ],
)
async def test_a_pace_that_nobody_can_mean_is_refused_where_it_stands(
    site: Site, throttle: dict[str, Any], pointer: str
):
    """API 1: ranges, and unknown fields with the nearest known name."""
    if isinstance(throttle.get("start_at"), int):
        throttle = {"start_at": utc_ms(site.clock.now_ms() + throttle["start_at"])}
    batch = await make(site, "kept", throttle={"max_per_min": 7})

    created = await site.post("/v1/batches", {"name": "x", "agent_id": site.agent, "throttle": throttle})
    changed = await patch(site, batch, {"throttle": throttle})

    for reply in (created, changed):
        assert reply.status == 422
        assert (await reply.json())["errors"][0]["pointer"] == pointer
    assert (await shown(site, batch))["throttle"] == {**NOTHING, "max_per_min": 7}
    assert await count(site, "batch") == 1


async def test_what_a_change_leaves_out_stays_and_null_lifts(site: Site):
    """API 5: throttle editable while running."""
    batch = await make(site, throttle={"max_per_min": 60, "max_concurrent": 3})

    one = await (await patch(site, batch, {"throttle": {"max_per_min": 90}})).json()
    two = await (await patch(site, batch, {"throttle": {"max_concurrent": None}, "name": "Dec"})).json()

    assert one["throttle"] == {**NOTHING, "max_per_min": 90, "max_concurrent": 3}
    assert (two["name"], two["throttle"]) == ("Dec", {**NOTHING, "max_per_min": 90})
    await make(site, "Jan")
    assert (await patch(site, batch, {"name": "Jan"})).status == 409


async def test_concurrent_calls_and_pace_hold_at_the_very_next_claim(site: Site):
    """I12 I13: the gate is shaped before the change is answered."""
    batch = await make(site, throttle={"max_concurrent": 2, "spread_over_s": 0})
    await fill(site, batch, 10)
    assert len(await claim(site)) == 2

    assert (await patch(site, batch, {"throttle": {"max_concurrent": 5}})).status == 200
    assert len(await claim(site)) == 3
    assert (await patch(site, batch, {"throttle": {"max_concurrent": None, "max_per_min": 60}})).status == 200
    site.clock.move_to(site.clock.now_ms() + SECOND)
    assert len(await claim(site)) == 1


async def test_an_import_states_the_pace_of_its_batch_in_its_parameters(site: Site):
    start_ms = site.clock.now_ms() + HOUR
    path = f"/v1/imports?agent_id={site.agent}&name=first&max_concurrent=4&spread_over_s=600"
    path += f"&start_at={utc_ms(start_ms)}"

    reply = await site.send("POST", path, data=b"Phone\n+12125550100\n+12125550101\n", headers=CSV)

    batch_id = (await reply.json())["batch_id"]
    batch = await (await site.get(f"/v1/batches/{batch_id}")).json()
    wanted = {"max_concurrent": 4, "spread_over_s": 600, "start_at": utc_ms(start_ms)}
    assert batch["throttle"] == {**NOTHING, **wanted}
    rows = await site.rows("SELECT (extract(epoch FROM next_at) * 1000)::bigint AS at FROM loop")
    assert all(start_ms <= row["at"] < start_ms + 600 * SECOND for row in rows)
    too_early = path.replace(str(utc_ms(start_ms)), str(utc_ms(site.clock.now_ms() - 2 * HOUR)))
    bad = await site.send("POST", too_early, data=b"x", headers=CSV)
    assert (bad.status, (await bad.json())["errors"][0]["parameter"]) == (422, "start_at")


@pytest.mark.parametrize("permit_s", [LONG_PERMIT_S])
async def test_a_paused_batch_gives_nothing_out_and_says_so_and_a_resumed_one_goes_on(site: Site):
    """I9: answered only when nothing more can leave."""
    batch = await make(site, throttle={"spread_over_s": 0})
    await fill(site, batch, 4)
    held = await claim(site, limit=1)
    began_s = site.clock.monotonic_s()

    paused = await (await site.post(f"/v1/batches/{batch['id']}/pause", {"reason": "wrong list"})).json()

    assert paused["status"] == "paused"
    assert site.clock.monotonic_s() - began_s >= LONG_PERMIT_S
    assert await claim(site) == []
    result = await arm(site.flow, site.database, held, worker="w", permit=uuid4(), now_ms=site.clock.now_ms())
    assert (result.armed, result.reasons) == ([], {"batch_paused": 1})
    resumed = await (await site.post(f"/v1/batches/{batch['id']}/resume")).json()
    assert resumed["status"] == "running"
    assert len(await claim(site)) == 3


async def test_an_import_goes_on_into_a_paused_batch_and_leaves_it_paused(site: Site):
    batch = await make(site)
    await site.post(f"/v1/batches/{batch['id']}/pause", {})

    assert (await fill(site, batch, 3))["created"] == 3

    assert (await shown(site, batch))["status"] == "paused"


async def test_an_agent_is_paused_and_resumed(site: Site):
    """I9."""
    await site.post("/v1/leads", a_lead(agent_id=site.agent))

    paused = await (await site.post(f"/v1/agents/{site.agent}/pause", {})).json()
    assert (paused["paused"], await claim(site)) == (True, [])
    resumed = await (await site.post(f"/v1/agents/{site.agent}/resume", {"spread_over_s": 0})).json()

    assert resumed["paused"] is False
    assert len(await claim(site)) == 1
    actions = [row["action"] for row in await site.rows("SELECT action FROM audit ORDER BY audit_id")]
    assert actions == ["dialing_paused", "dialing_resumed"]


async def test_a_canceled_batch_is_over_and_off_the_wheel(site: Site):
    """I9 I14: every loop ends with its reason; what is under way ends by itself."""
    batch = await make(site, throttle={"spread_over_s": 0})
    await fill(site, batch, 6)
    held = await claim(site, limit=2)
    others = await make(site, "other")
    await site.post("/v1/leads", a_lead(phone="+12125550190", agent_id=site.agent, batch_id=others["id"]))
    result = await arm(
        site.flow, site.database, held[:1], worker="w", permit=uuid4(), now_ms=site.clock.now_ms()
    )
    assert len(result.armed) == 1

    canceled = await (await site.post(f"/v1/batches/{batch['id']}/cancel")).json()

    assert canceled["status"] == "canceled"
    assert canceled["counts"]["exhausted"] == 6
    ended = "loop WHERE status = 'ended' AND end_reason = 'removed' AND next_at IS NULL"
    assert await count(site, ended) == 6
    assert await count(site, "attempt WHERE state = 'armed'") == 1
    assert [claim.loop_id for claim in await claim(site)] == [7], "the other batch's"
    late = await arm(
        site.flow, site.database, held[1:], worker="w", permit=uuid4(), now_ms=site.clock.now_ms()
    )
    assert late.armed == []


async def test_nothing_comes_back_into_a_canceled_batch(site: Site):
    batch = await make(site)
    await fill(site, batch, 1)
    path = f"/v1/batches/{batch['id']}"
    assert (await site.post(f"{path}/cancel")).status == 200
    assert (await site.post(f"{path}/cancel")).status == 200

    refused = [
        await site.post(f"{path}/pause", {}),
        await site.post(f"{path}/resume"),
        await patch(site, batch, {"throttle": {"max_per_min": 5}}),
        await site.send("POST", f"/v1/imports?batch_id={batch['id']}", data=b"Phone\n+12125550150\n",
                        headers=CSV),
        await site.post("/v1/leads", a_lead(phone="+12125550151", agent_id=site.agent, batch_id=batch["id"])),
    ]  # fmt: skip

    assert [reply.status for reply in refused] == [409] * 5
    assert {(await reply.json())["code"] for reply in refused} == {"state-conflict"}
    assert await count(site, "loop WHERE status <> 'ended'") == 0


async def test_a_pause_that_comes_during_a_batchs_resume_is_not_lifted_by_it(site: Site):
    """I9: the version of what was read decides."""
    batch = await make(site)
    await site.post(f"/v1/batches/{batch['id']}/pause", {"reason": "one"})
    await fill(site, batch, 2, "&spread_over_s=0")
    site.clock.move_to(site.clock.now_ms() + MINUTE)
    place = site.flow.place

    async def paused_meanwhile(*arguments: Any) -> None:
        await site.rows("UPDATE batch SET pauses = pauses + 1, pause_reason = 'two'")
        await place(*arguments)

    object.__setattr__(site.flow, "place", paused_meanwhile)

    reply = await site.post(f"/v1/batches/{batch['id']}/resume")

    assert (reply.status, (await shown(site, batch))["status"]) == (409, "paused")


async def test_a_pace_that_changes_while_rows_are_on_their_way_is_theirs_too(site: Site):
    """I10: rows drafted under the pace of before are moved after their commit."""
    batch = await make(site, throttle={"spread_over_s": 0})
    database = site.database
    fetch_row = database.fetch_row
    changed = False

    async def change_once(name: str, *arguments: Any, on: Any = None) -> Any:
        nonlocal changed
        if name == "batch_pace_kept" and not changed:
            changed = True
            await site.rows("""UPDATE batch SET throttle = '{"max_per_min": 1}'""")
        return await fetch_row(name, *arguments, on=on)

    database.fetch_row = change_once  # type: ignore[method-assign]
    await fill(site, batch, 90)

    assert changed
    assert (
        await count(site, "loop WHERE held") + (await site.flow.wheel.counts(0, site.clock.now_ms())).waiting
        == 90
    )
    assert await count(site, "loop WHERE held") > 0


async def test_of_a_batch_of_another_nothing_can_be_changed(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    batch = await make(site)
    path = f"/v1/batches/{batch['id']}"
    agent = f"/v1/agents/{site.agent}"

    replies = [
        await site.send("PATCH", path, key=other.key, json={"name": "mine"}),
        *[await site.post(f"{path}/{verb}", {}, key=other.key) for verb in ("pause", "resume")],
        await site.post(f"{path}/cancel", key=other.key),
        *[await site.post(f"{agent}/{verb}", {}, key=other.key) for verb in ("pause", "resume")],
    ]

    assert [reply.status for reply in replies] == [404] * 6
    assert await shown(site, batch) == batch


async def test_what_spreads_a_lead_is_told_with_it(site: Site):
    batch = await make(site, throttle={"spread_over_s": 7200})
    await fill(site, batch, 1)

    found = await (await site.post("/v1/leads/search", {"filter": {"batch_id": batch["id"]}})).json()

    (line,) = [line for line in found["data"][0]["why"] if line["rule"] == "throttle"]
    assert line["detail"] == "spread over 2 h of open time of the batch"


async def test_batches_are_listed_by_state_and_by_agent(site: Site):
    """API 1: repeatable equality; the count is of what is listed."""
    running, paused, over = [await make(site, name) for name in "abc"]
    await site.post(f"/v1/batches/{paused['id']}/pause", {})
    await site.post(f"/v1/batches/{over['id']}/cancel")

    for query, found in {
        "status=running": [running],
        "status=paused&status=canceled": [paused, over],
        f"agent_id={site.agent}&status=done": [],
        f"agent_id={site.agent}&order=desc": [over, paused, running],
        "agent_id=agt_nobody": [],
    }.items():
        page = await (await site.get(f"/v1/batches?count=exact&{query}")).json()
        assert [one["id"] for one in page["data"]] == [one["id"] for one in found], query
        assert page["count"] == len(found), query
    assert (await site.get("/v1/batches?status=open")).status == 422

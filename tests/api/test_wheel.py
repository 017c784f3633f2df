"""GET /v1/wheel and /v1/wheel/slots: of the caller's account, adding up, within bounds. API 5."""

from __future__ import annotations

import re
from collections import Counter
from math import inf
from random import Random
from typing import Any

import pytest

from api.app import make_metrics_app
from scheduler.domain.time import DAY, HOUR, SECOND, Ms
from scheduler.errors import ServerUnavailable
from scheduler.ledger.instants import to_datetime
from scheduler.metrics import Depths, Metrics
from tests.api.builders import NOON_ON_A_TUESDAY, OTHER_PHONE, Site, Tenant, a_lead, a_tenant

NOW = NOON_ON_A_TUESDAY
CLASSES = ("live", "callback", "follow-up", "bulk")
START = "2026-06-16T18:00:00Z"  # the site's now


async def test_the_wheel_shows_why_each_lead_waits_and_the_parts_add_up(site: Site):
    await site.post("/v1/leads", a_lead(agent_id=site.agent))
    await site.post("/v1/leads", a_lead(phone=OTHER_PHONE, agent_id=site.agent))

    wheel = await (await site.get("/v1/wheel")).json()

    assert (wheel["total"], wheel["depth"], wheel["overdue"], wheel["held"]) == (2, 2, 2, 0)
    assert wheel["why"] == {**dict.fromkeys(wheel["why"], 0), "ready": 2}
    assert {one["name"]: one["total"] for one in wheel["classes"]} == {
        **dict.fromkeys(CLASSES, 0), "live": 2,
    }  # fmt: skip
    [lane] = wheel["lanes"]
    assert (lane["class"], lane["agent_id"], lane["total"]) == ("live", site.agent, 2)
    assert lane["regions"] == ["US-NY"]
    assert wheel["due"] == {"now": 2, "next_minute": 0, "next_hour": 0, "later": 0}
    assert (wheel["in_flight"], wheel["lag_ms"], wheel["clock_speed"]) == (0, 0, 0.0)
    assert wheel["dials_per_s"] == {"last_10_s": 0, "last_minute": 0}
    assert [gate["kind"] for gate in wheel["gates"]] == ["account", "agent"]


async def test_what_is_due_is_late_from_then_on_and_a_pause_is_named(site: Site):
    """MISSION: late, with its reason."""
    await site.post("/v1/leads", a_lead(agent_id=site.agent))
    site.clock.move_to(NOW + 7 * SECOND)
    late = await (await site.get("/v1/wheel")).json()

    await site.post("/v1/account/pause", {"reason": "x"})
    paused = await (await site.get("/v1/wheel")).json()

    assert (late["lag_ms"], late["why"]["ready"]) == (7 * SECOND, 1)
    assert (paused["lag_ms"], paused["why"]["ready"], paused["why"]["pause"], paused["held"]) == (0, 0, 1, 1)
    assert [gate["paused"] for gate in paused["gates"] if gate["kind"] == "account"] == [True]


async def test_nothing_of_another_account_is_in_the_wheel_or_its_slots(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    agent = site.deps.ids.write("agt", other.agent_id)
    await site.post("/v1/leads", a_lead(agent_id=agent), key=other.key)

    mine = await (await site.get("/v1/wheel")).json()
    theirs = await (await site.get("/v1/wheel", key=other.key)).json()
    slots = await (await site.get("/v1/wheel/slots")).json()

    assert (mine["total"], mine["lanes"], slots["total"]) == (0, [], 0)
    assert theirs["total"] == 1
    assert agent not in str(mine)
    assert mine["shards"] == theirs["shards"], "of a shard nobody learns how much is on it"


async def test_a_shard_says_whether_it_is_whole_and_when_a_dialer_was_last_there(site: Site):
    [before] = (await (await site.get("/v1/wheel")).json())["shards"]
    await site.flow.wheel.claim(
        0, worker="w", claim_id="c", limit=1, now_ms=NOW, wall_ms=site.clock.wall_ms(), epoch="e1"
    )
    [served] = (await (await site.get("/v1/wheel")).json())["shards"]
    await site.flow.wheel.begin_rebuild(0)
    [lost] = (await (await site.get("/v1/wheel")).json())["shards"]

    assert before == {"shard": 0, "ready": True, "epoch": "e1", "ticker_age_ms": None}
    assert 0 <= served["ticker_age_ms"] < 60_000
    assert (lost["ready"], lost["epoch"]) == (False, None)


async def test_metrics_say_how_long_no_dialer_asked_each_shard_for_work(site: Site, aiohttp_client: Any):
    """API 8: ticker_age_seconds; infinite, so that an alert sees it, while none ever did."""
    metrics = await aiohttp_client(make_metrics_app(site.deps.metrics))

    async def age() -> float:
        text = await (await metrics.get("/metrics")).text()
        [said] = re.findall(r'^dialwheel_ticker_age_seconds{shard="0"} (\S+)$', text, re.MULTILINE)
        return float(said)

    before = await age()
    wall_ms = site.clock.wall_ms() - 90 * SECOND
    await site.flow.wheel.claim(0, worker="w", claim_id="c", limit=1, now_ms=NOW, wall_ms=wall_ms, epoch="e1")

    assert before == inf
    assert 90 <= await age() < 90_000, "seconds, not milliseconds"


async def test_while_the_wheel_is_away_no_shard_has_an_old_age():
    metrics = Metrics()
    answers = [Depths(1, 0, 0, [0.5, inf])]

    async def read() -> Depths:
        if not answers:
            raise ServerUnavailable("the wheel", "it does not answer", "start it")
        return answers.pop()

    metrics.on_scrape(read)
    there, away = await metrics.render(), await metrics.render()

    assert b'ticker_age_seconds{shard="0"} 0.5' in there
    assert b'ticker_age_seconds{shard="1"} +Inf' in there
    assert b"ticker_age_seconds{" not in away
    assert b"wheel_depth NaN" in away


async def test_as_many_lanes_are_shown_as_asked_for_but_all_are_counted(site: Site):
    for area in (212, 303, 415, 602):
        await site.post("/v1/leads", a_lead(phone=f"+1{area}5550123", agent_id=site.agent))

    none = await (await site.get("/v1/wheel?lanes=0")).json()
    two = await (await site.get("/v1/wheel?lanes=2")).json()

    assert (none["lanes"], none["total"], none["lanes_count"]) == ([], 4, 4)
    assert (len(two["lanes"]), two["total"], two["lanes_count"]) == (2, 4, 4)


NONSENSE = [
    ("/v1/wheel?lanes=201", "lanes"),
    ("/v1/wheel?lanes=-1", "lanes"),
    ("/v1/wheel?lane=1", "lane"),
    ("/v1/wheel/slots?bucket_s=0", "bucket_s"),
    ("/v1/wheel/slots?bucket_s=1.5", "bucket_s"),
    ("/v1/wheel/slots?bucket_s=43", "bucket_s"),
    (f"/v1/wheel/slots?from={START}&to={START}", "to"),
    (f"/v1/wheel/slots?from={START}&to=2026-06-16T17:00:00Z", "to"),
    ("/v1/wheel/slots?from=2026-06-16T18:00:00", "from"),
    ("/v1/wheel/slots?from=1970-01-01T00:00:00Z", "from"),
    (f"/v1/wheel/slots?from={START}&to=2199-01-01T00:00:00Z", "bucket_s"),
    (f"/v1/wheel/slots?until={START}", "until"),
]


async def test_a_question_that_makes_no_sense_is_refused_and_the_parameter_named(site: Site):
    """Bounded work: 200 lanes and 2000 buckets at most."""
    for path, parameter in NONSENSE:
        reply = await site.get(path)
        assert (reply.status, (await reply.json())["errors"][0]["parameter"]) == (422, parameter), path


async def test_two_thousand_buckets_are_answered(site: Site):
    slots = await (await site.get("/v1/wheel/slots", params={"from": START, "bucket_s": "44"})).json()

    assert len(slots["data"]) == 1964
    assert (slots["from"], slots["to"]) == ("2026-06-16T18:00:00.000Z", "2026-06-17T18:00:00.000Z")


async def test_slots_hold_each_waiting_lead_of_their_span_once(site: Site):
    """Whatever the span and the width: their sum is what waits in the span."""
    dice = Random(7)
    waiting = await _loops(site, site.home, [NOW + dice.randrange(-DAY, 3 * DAY) for _ in range(300)])
    waiting += await _loops(site, site.home, [(NOW // HOUR + k) * HOUR for k in range(20)])
    await _loops(site, await a_tenant(site.database, "Other"), [NOW + 1])
    for _ in range(20):
        start = NOW + dice.randrange(-DAY, DAY) if dice.random() < 0.7 else NOW // HOUR * HOUR
        end = start + dice.choice([1, SECOND, HOUR, HOUR + 1, DAY, 2 * DAY])
        bucket_s = dice.choice([900, 3600, 86_400])

        slots = await (
            await site.get("/v1/wheel/slots", params={
                "from": _iso(start), "to": _iso(end), "bucket_s": str(bucket_s),
            })
        ).json()  # fmt: skip

        inside = [(at, name) for at, name in waiting if start <= at < end]
        by_slot = Counter((at - start) // (bucket_s * SECOND) for at, _ in inside)
        assert slots["total"] == len(inside)
        assert [slot["total"] for slot in slots["data"]] == [
            by_slot[n] for n in range(-((start - end) // (bucket_s * SECOND)))
        ]
        for name in CLASSES:
            found = sum(slot[name.replace("-", "_")] for slot in slots["data"])
            assert found == sum(each == name for _, each in inside)
    everything = {"from": _iso(NOW - 2 * DAY), "to": _iso(NOW + 5 * DAY), "bucket_s": "3600"}
    assert (await (await site.get("/v1/wheel/slots", params=everything)).json())["total"] == len(waiting)


async def _loops(site: Site, tenant: Tenant, instants: list[Ms]) -> list[tuple[Ms, str]]:
    """Loops that wait in the ledger, on a lane of each class in turn, every third held back for its pace."""
    found = []
    for number, name in enumerate(CLASSES):
        mine = instants[number::4]
        await site.rows(
            "WITH la AS (INSERT INTO lane (account_id, agent_id, class, batch_id, place_id)"
            " VALUES ($1, $2, $3, 0, (SELECT min(place_id) FROM place))"
            " ON CONFLICT (agent_id, class, batch_id, place_id) DO UPDATE SET class = excluded.class"
            " RETURNING lane_id), le AS (INSERT INTO lead (account_id, phone, place_id, priority, created_at,"
            " updated_at) SELECT $1, '+1' || (5550000000 + (SELECT count(*) FROM lead) + n),"
            " (SELECT min(place_id) FROM place), 'bulk', now(), now()"
            " FROM generate_series(1, cardinality($4::timestamptz[])) AS n RETURNING lead_id)"
            " INSERT INTO loop (lead_id, account_id, agent_id, status, lane_id, next_at, policy_version,"
            " lead_version, started_at, held)"
            " SELECT lead_id, $1, $2, 'scheduled', lane_id, ($4::timestamptz[])[n], 1, 1, now(), n % 3 = 0"
            " FROM la, (SELECT lead_id, row_number() OVER () AS n FROM le) AS le",
            tenant.account_id,
            tenant.agent_id,
            name,
            [to_datetime(at) for at in mine],
        )
        found += [(at, name) for at in mine]
    return found


@pytest.fixture(autouse=True)
async def a_place(site: Site) -> Any:
    await site.rows(
        "INSERT INTO place (zones, regions, own_zones, source) VALUES ('{}', '{XX}', '{}', 'unknown')"
    )


def _iso(at_ms: Ms) -> str:
    return to_datetime(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")

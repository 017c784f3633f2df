"""The record of an attempt (MISSION, "Proof per attempt"): written after its end, chained, and checked."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import msgspec
import pytest

from scheduler.flow.record_check import Fault, catch_up, verify
from tests.api.builders import OTHER_PHONE, PHONE, Site, a_tenant
from tests.api.test_attempts import a_call, result
from tests.api.test_lead_changes import claims, permit

FIRST = "00" * 32
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def recorded(site: Site) -> None:
    await catch_up(site.flow, site.clock.now_ms(), site.deps.ids)


async def record(site: Site, attempt: str, status: int = 200, **rest: Any) -> Any:
    reply = await site.get(f"/v1/attempts/{attempt}/record", **rest)
    assert reply.status == status, await reply.text()
    return await reply.json()


async def faults(site: Site) -> list[Fault]:
    return [fault for chain in await verify(site.flow, site.deps.ids) for fault in chain.faults]


async def three(site: Site) -> list[str]:
    """Attempts that are over and recorded, in the order of their records."""
    made = []
    for number in range(3):
        _, attempt = await a_call(site, phone=f"+1212555011{number}", consent={"basis": "web form"})
        await result(site, attempt, outcome="busy")
        made.append(attempt)
        await recorded(site)
    return made


async def test_a_record_says_what_was_known_and_in_force_and_can_be_hashed_by_anybody(site: Site):
    lead, attempt = await a_call(site, consent={"basis": "web form", "source": "https://example.com/x"})
    await record(site, attempt, 409)
    await result(site, attempt, outcome="busy")
    await recorded(site)

    reply = await site.get(f"/v1/attempts/{attempt}/record")
    text = await reply.text()
    shown = json.loads(text)

    numbers = (shown["number"], shown["revision"], shown["previous_hash"], shown["intact"])
    assert numbers == (1, 1, FIRST, True)
    proof = shown["record"]
    assert proof["attempt"]["id"] == attempt
    assert (proof["attempt"]["outcome"], proof["lead_id"]) == ("busy", lead)
    assert proof["attempt"]["rules_revision"]
    assert (proof["place"]["zones"], proof["place"]["regions"]) == (["America/New_York"], ["US-NY"])
    assert proof["window"]["from_at"] <= proof["attempt"]["armed_at"] < proof["window"]["until_at"]
    assert proof["counters"] == [{"max": 3, "window_s": 86_400, "used": 0}]
    assert proof["consent"] == {"basis": "web form", "captured_at": None, "expires_at": None}
    assert shown["settings"]["auto_dialer"]["strategy"] == "followup"
    settings = json.dumps(shown["settings"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(settings.encode()).hexdigest() == proof["settings_sha256"]
    assert proof["why"][0]["rule"] == "strategy"
    told = [line[name] for line in proof["why"] for name in ("from_at", "to_at") if line[name] is not None]
    assert told
    assert all(INSTANT.fullmatch(at) for at in told), "as all instants of the API: RFC 3339, UTC, ms"
    body = json.dumps(proof, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert body in text, "as it was hashed, so it is answered"
    assert hashlib.sha256(bytes.fromhex(FIRST) + body.encode()).hexdigest() == shown["hash"]
    assert PHONE not in text
    assert "example.com" not in text


async def test_each_record_holds_the_hash_of_the_one_before_it(site: Site):
    chain = [await record(site, attempt) for attempt in await three(site)]

    assert [one["number"] for one in chain] == [1, 2, 3]
    assert [one["previous_hash"] for one in chain] == [FIRST, chain[0]["hash"], chain[1]["hash"]]
    [verdict] = await verify(site.flow, site.deps.ids)
    assert (verdict.links, verdict.head, verdict.faults) == (3, chain[2]["hash"], [])


async def test_counters_tell_how_often_the_person_was_called_before(site: Site):
    lead, attempt = await a_call(site)
    await result(site, attempt, outcome="busy")
    site.clock.move_to(site.clock.now_ms() + 60_000)
    await site.post(f"/v1/leads/{lead}/call", {"reason": "now"})
    [armed] = (await permit(site, await claims(site))).armed
    second = site.deps.ids.write("att", armed.attempt_id)
    await result(site, second, outcome="busy")
    await recorded(site)

    assert (await record(site, second))["record"]["counters"][0]["used"] == 1


async def test_settings_are_those_of_the_permit_whatever_was_changed_since(site: Site):
    _, attempt = await a_call(site)
    etag = (await site.get("/v1/account")).headers["ETag"]
    changed = await site.send("PATCH", "/v1/account", json={"jitter_max_s": 0}, headers={"If-Match": etag})
    assert changed.status == 200
    await result(site, attempt, outcome="busy")
    await recorded(site)

    assert (await record(site, attempt))["settings"]["jitter_max_s"] == 900


async def test_a_result_that_is_put_right_makes_a_further_record(site: Site):
    _, attempt = await a_call(site)
    await result(site, attempt, outcome="completed")
    await recorded(site)
    before = await record(site, attempt)

    await result(site, attempt, disposition="converted")
    assert (await record(site, attempt))["intact"], "what is told and not recorded yet is no fault"
    await recorded(site)

    after = await record(site, attempt)
    assert (after["number"], after["revision"], after["previous_hash"]) == (2, 2, before["hash"])
    assert after["record"]["attempt"]["disposition"] == "converted"
    assert await faults(site) == []


TAMPERINGS = {
    "an attempt's outcome": (
        "UPDATE attempt SET outcome = 'completed' WHERE attempt_id = 2",
        "says something else",
    ),
    "an attempt's time": (
        "UPDATE attempt SET dispatched_at = dispatched_at - interval '1 hour', "
        "armed_at = armed_at - interval '1 hour' WHERE attempt_id = 2",
        "says something else",
    ),
    "an attempt": ("DELETE FROM attempt WHERE attempt_id = 2", "is not in the ledger"),
    "the settings": (
        "UPDATE policy_kept SET settings = replace(settings::text, '900', '0')::json",
        "says something else",
    ),
    "a record's body": (
        "UPDATE attempt_record SET body = replace(body, 'busy', 'completed') WHERE number = 2",
        "was changed",
    ),
    "a record": ("DELETE FROM attempt_record WHERE number = 2", "are missing"),
    "the last record": ("DELETE FROM attempt_record WHERE number = 3", "ends before its head"),
    "a record with its head": (
        "WITH gone AS (DELETE FROM attempt_record WHERE number = 3) UPDATE record_head AS h "
        "SET number = 2, hash = r.hash FROM attempt_record AS r WHERE r.number = 2",
        "has no record",
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_what_somebody_changes_or_takes_out_by_hand_is_noticed(site: Site, what: str):
    """The ledger's owner may do anything to it, but not unseen."""
    await three(site)
    assert await faults(site) == []
    statement, told = TAMPERINGS[what]

    await site.rows(statement)

    found = await faults(site)
    assert found
    assert any(told in fault.what for fault in found), found


async def test_the_changed_record_itself_says_that_it_is_not_intact(site: Site):
    attempts = await three(site)
    await site.rows("UPDATE attempt SET outcome = 'completed' WHERE attempt_id = 2")

    assert [(await record(site, attempt))["intact"] for attempt in attempts] == [True, False, True]


async def test_each_account_has_a_chain_of_its_own_and_sees_no_other(site: Site):
    """I24."""
    attempts = await three(site)
    other = await a_tenant(site.database, "other")
    theirs = site.deps.ids.write("agt", other.agent_id)
    home, site.home = site.home, other
    try:
        _, attempt = await a_call(site, phone=OTHER_PHONE, agent_id=theirs)
        await result(site, attempt, outcome="busy")
    finally:
        site.home = home
    await recorded(site)

    assert (await record(site, attempt, key=other.key))["number"] == 1
    await record(site, attempts[0], 404, key=other.key)
    await record(site, attempt, 404)
    assert [chain.links for chain in await verify(site.flow, site.deps.ids)] == [3, 1]


async def test_who_is_erased_is_in_no_record(site: Site):
    """A record names nobody: the phone is a keyed hash."""
    lead, attempt = await a_call(site, name="Ana Ruiz", external_id="crm-7")
    await result(site, attempt, outcome="busy")
    assert (await site.send("DELETE", f"/v1/leads/{lead}")).status == 204
    await recorded(site)

    text = msgspec.json.encode(await record(site, attempt)).decode()

    assert not [word for word in ("Ana", "crm-7", PHONE, PHONE[2:]) if word in text]
    assert await faults(site) == []

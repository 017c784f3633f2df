"""Enrolment, one lead and many: DESIGN 3 and 5. Real ledger, real wheel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from scheduler.domain.model import LaneClass, Priority
from scheduler.domain.time import HOUR, MINUTE
from scheduler.errors import NotFound
from scheduler.flow.enrol import Enrolled, enrol
from scheduler.flow.entries import BadField, Entry, read_entry
from scheduler.flow.keys import lead_key
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.database import Database
from scheduler.ledger.instants import to_ms
from tests.imports.builders import FOLLOWUP, Desk, a_desk, a_wheel, claimed, phone


@pytest.fixture
async def desk(database: Database, valkey_url: str) -> AsyncIterator[Desk]:
    wheel = await a_wheel(valkey_url)
    yield await a_desk(database, wheel)
    await wheel.close()


def an_entry(n: int = 0, **fields: Any) -> Entry:
    entry = read_entry(**{"phone": phone(n), **fields})
    assert isinstance(entry, Entry)
    return entry


async def enrolled(desk: Desk, *entries: Entry, **options: Any) -> list[Enrolled]:
    settings: dict[str, Any] = {
        "account_id": desk.account_id,
        "agent_id": desk.agent_id,
        "now_ms": desk.clock.now_ms(),
    }
    return await enrol(desk.flow, entries=entries, **(settings | options))


async def test_a_live_lead_is_due_at_once_in_the_live_lane(desk: Desk):
    (result,) = await enrolled(desk, an_entry(priority=Priority.LIVE))

    assert result.action == "created"
    assert result.next_at_ms == desk.clock.now_ms()
    assert await desk.value("SELECT class FROM lane JOIN loop USING (lane_id)") == LaneClass.LIVE
    assert await claimed(desk) == [result.loop_id]


async def test_a_loop_has_its_plan_and_the_versions_it_was_planned_under(desk: Desk):
    await enrolled(desk, an_entry(name="Robin", timezone="America/Chicago", tags=("a", "b")))

    (row,) = await desk.rows("SELECT * FROM loop JOIN lead USING (lead_id)")
    assert (row["next_kind"], row["next_step"], row["next_channel"]) == ("first", 0, "call")
    assert (row["policy_version"], row["lead_version"]) == (1, 1)
    assert to_ms(row["open_until"]) > to_ms(row["next_at"]) == desk.clock.now_ms()
    assert row["tags"] == ["a", "b"]
    assert msgspec.json.decode(row["why"])[0]["rule"] == "strategy"


async def test_what_is_due_after_the_horizon_waits_in_the_ledger_only(desk: Desk):
    night = desk.clock.now_ms() + 10 * HOUR
    (result,) = await enrolled(desk, an_entry(), now_ms=night)

    assert result.next_at_ms is not None
    assert result.next_at_ms > night + 2 * HOUR
    desk.clock.move_to(result.next_at_ms + MINUTE)
    assert await claimed(desk) == []


async def test_the_same_lead_again_adds_nothing(desk: Desk):
    entry = an_entry(external_id="x", name="Robin", variables={"a": 1}, consent={"basis": "form"})
    (first,) = await enrolled(desk, entry)
    before = await desk.rows("SELECT * FROM lead JOIN loop USING (lead_id)")

    (second,) = await enrolled(desk, entry, now_ms=desk.clock.now_ms() + HOUR)

    assert msgspec.structs.replace(first, action="unchanged") == second
    assert await desk.rows("SELECT * FROM lead JOIN loop USING (lead_id)") == before


async def test_twice_in_one_call_counts_once(desk: Desk):
    results = await enrolled(
        desk, an_entry(0, external_id="x"), an_entry(0), an_entry(1, external_id="x"), an_entry(1)
    )

    assert [result.action for result in results] == ["created", "duplicate", "duplicate", "created"]
    assert {result.code for result in results} == {"", "duplicate-in-file"}


async def test_two_rows_that_mean_one_known_lead_count_once(desk: Desk):
    await enrolled(desk, an_entry(0, external_id="x"))

    results = await enrolled(desk, an_entry(1, external_id="x"), an_entry(0, name="Robin"))

    assert [result.action for result in results] == ["updated", "duplicate"]


async def test_a_suppressed_number_gets_no_lead(desk: Desk):
    await desk.suppress([phone(0)])

    results = await enrolled(desk, an_entry(0), an_entry(1))

    assert [(result.action, result.code) for result in results] == [
        ("suppressed", "suppressed"),
        ("created", ""),
    ]
    assert await desk.value("SELECT count(*) FROM lead") == 1


async def test_a_loop_that_is_over_is_not_started_again(desk: Desk):
    await enrolled(desk, an_entry())
    await desk.rows("UPDATE loop SET status = 'ended', end_reason = 'reached', next_at = NULL")

    (result,) = await enrolled(desk, an_entry(name="New name"))

    assert (result.action, result.loop_id, result.next_at_ms) == ("updated", None, None)
    assert await desk.value("SELECT count(*) FROM loop") == 1


async def test_a_new_place_or_consent_raises_the_version_that_the_arm_compares(desk: Desk):
    await enrolled(desk, an_entry())

    versions = []
    for fields in (
        {"name": "R"},
        {"timezone": "America/Denver"},
        {"region": "US-CO"},
        {"consent": {"basis": "b"}},
    ):
        await enrolled(desk, an_entry(**fields))
        versions.append(await desk.value("SELECT version FROM lead"))

    assert versions == [1, 2, 3, 4]
    (place,) = await desk.rows("SELECT p.* FROM place AS p JOIN lead USING (place_id)")
    assert place["own_zones"] == ["America/Denver"]
    assert {"US-CO", "US-NY"} <= set(place["regions"])


async def test_a_priority_is_raised_and_never_lowered(desk: Desk):
    await enrolled(desk, an_entry())
    await enrolled(desk, an_entry(priority=Priority.LIVE))
    assert await desk.value("SELECT priority FROM lead") == "live"

    (result,) = await enrolled(desk, an_entry())
    assert result.action == "unchanged"


async def test_a_lead_that_can_never_be_called_ends_at_once(desk: Desk):
    entry = an_entry()
    nowhere = msgspec.structs.replace(entry.place, regions=("ZZ",))
    (result,) = await enrolled(desk, msgspec.structs.replace(entry, place=nowhere))

    assert (result.action, result.loop_id, result.next_at_ms) == ("created", None, None)
    (row,) = await desk.rows(
        "SELECT lo.status, lo.end_reason, le.status AS lead FROM loop AS lo JOIN lead AS le USING (lead_id)"
    )
    assert tuple(row) == ("ended", "no_callable_time", "exhausted")


async def test_without_an_agent_a_lead_is_kept_and_enrolled_later_with_its_contacts(desk: Desk):
    (kept,) = await enrolled(desk, an_entry(), agent_id=None)
    assert (kept.action, kept.loop_id) == ("created", None)
    assert await desk.value("SELECT status FROM lead") == "new"
    await desk.rows(
        "UPDATE lead SET contacts = ARRAY[to_timestamp($1), to_timestamp($1), to_timestamp($1)]",
        desk.clock.now_ms() / 1000,
    )

    (result,) = await enrolled(desk, an_entry())

    assert (result.action, result.lead_id) == ("updated", kept.lead_id)
    assert result.next_at_ms is not None
    assert result.next_at_ms > desk.clock.now_ms() + 23 * HOUR
    assert await desk.value("SELECT status FROM lead") == "active"


async def test_another_account_s_agent_is_unknown_and_its_leads_are_others(desk: Desk):
    other = await create_account(desk.database, name="Other", now_ms=desk.clock.now_ms())
    agent = await create_agent(
        desk.database, account_id=other, name="Theirs", auto_dialer=FOLLOWUP, now_ms=desk.clock.now_ms()
    )
    await enrolled(desk, an_entry(external_id="x"))

    with pytest.raises(NotFound):
        await enrolled(desk, an_entry(), agent_id=agent)
    (result,) = await enrolled(desk, an_entry(external_id="x"), account_id=other, agent_id=agent)

    assert result.action == "created"
    assert await desk.value("SELECT count(*) FROM lead") == 2


async def test_many_writers_of_the_same_leads_in_any_order_make_each_once(desk: Desk):
    entries = [an_entry(n, external_id=f"x{n}") for n in range(60)]

    results = await asyncio.gather(*(enrolled(desk, *entries[::step]) for step in (1, -1, 2, -2, 3, -3)))

    created = sum(result.action == "created" for batch in results for result in batch)
    assert created == 60
    assert await desk.value("SELECT count(*) FROM loop") == 60


async def test_with_the_wheel_away_a_lead_is_enrolled_all_the_same(desk: Desk):
    await desk.flow.wheel.close()

    (result,) = await enrolled(desk, an_entry())

    assert result.action == "created"
    assert await desk.value("SELECT status FROM loop") == "scheduled"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"phone": ""}, "phone-missing", "phone"),
        ({"phone": "12"}, "phone-invalid", "phone"),
        ({"timezone": "Nowhere"}, "timezone-unknown", "timezone"),
        ({"region": "Narnia"}, "region-unknown", "region"),
        ({"region": "FR"}, "region-unknown", "region"),
        ({"external_id": "x" * 256}, "cell-too-large", "external_id"),
        ({"variables": {"a": "x" * 9000}}, "cell-too-large", "variables"),
        ({"tags": ["t"] * 101}, "cell-too-large", "tags"),
    ],
)
def test_what_cannot_be_a_lead_says_which_field_and_why(fields: dict[str, Any], code: str, field: str):
    found = read_entry(**{"phone": phone(0), **fields})

    assert isinstance(found, BadField)
    assert (found.code, found.field) == (code, field)


def test_a_key_is_the_external_id_or_a_keyed_hash_and_the_same_everywhere(desk: Desk):
    assert lead_key(b"k", "x", phone(0)) == "x"
    assert phone(0)[-4:] not in lead_key(b"k", None, phone(0))
    assert lead_key(b"p" * 32, None, phone(0)) == desk.flow.lead_key(None, phone(0))
    assert lead_key(b"k", None, phone(0)) != lead_key(b"l", None, phone(0))

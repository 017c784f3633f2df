"""The referee finds each kind of fault that it exists for, and nothing where there is none (I1, I7, I11)."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

import api.referee
import api.referee_rules
from api.referee import Facts, RingRow, Verdict, judge, read_rings
from api.referee_rules import Law, zone_named
from dialer.providers.rings import RingLedger
from tests.providers.builders import a_simulator, an_action, instant_ms, phones

ALWAYS = {
    day: {"enabled": True, "ranges": [{"start": "00:00", "end": "24:00"}]}
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
}
BUSINESS = {
    day: {"enabled": day not in ("sat", "sun"), "ranges": [{"start": "09:00", "end": "18:00"}]}
    for day in ALWAYS
}
PHONE = "+12125550142"

ZONES = {
    "US-NY": ("America/New_York",),
    "US-TX": ("America/Chicago",),
    "US-CA": ("America/Los_Angeles",),
    "US-FL": ("America/Chicago", "America/New_York"),
    "US-MS": ("America/Chicago",),
}


def a_ring(
    at: str,
    *regions: str,
    key: int | None = None,
    phone: str = PHONE,
    zones: tuple[str, ...] | None = None,
) -> RingRow:
    when = datetime.fromisoformat(at)
    if zones is None:
        zones = tuple(sorted({z for r in regions for z in ZONES.get(r, ("America/New_York",))}))
    number = hash(at) if key is None else key
    return RingRow(when, phone, str(UUID(int=number % 2**64)), 1, zones, regions)


def the_facts(**changes: object) -> Callable[[str], Facts]:
    facts = Facts(windows=ALWAYS, account_zone="America/New_York", caps=[{"max": 3, "window_s": 86_400}])
    changed = msgspec.structs.replace(facts, **changes)
    return lambda phone: changed


def verdict_of(*rings: RingRow, **facts: object) -> Verdict:
    return judge(rings, the_facts(**facts))


def counts(verdict: Verdict) -> tuple[int, int, int]:
    return verdict.doubled, verdict.outside_hours, verdict.over_cap


TUESDAY = "2026-06-02"
SATURDAY = "2026-06-06"
SUNDAY = "2026-06-07"


@pytest.mark.parametrize(
    ("ring", "facts", "reason"),
    [
        (a_ring(f"{TUESDAY}T07:59:59.999-04:00", "US-NY"), {}, "US hours"),
        (a_ring(f"{TUESDAY}T21:00:00-04:00", "US-NY"), {}, "US hours"),
        (a_ring(f"{TUESDAY}T20:00:00-05:00", "US-FL", zones=("America/Chicago",)), {}, "US-FL hours"),
        (a_ring(f"{TUESDAY}T08:30:00-07:00", "US-CA"), {"voice": "ai"}, "US-CA automated"),
        (a_ring(f"{TUESDAY}T19:00:00-04:00", "US-SC"), {"voice": "ai"}, "US-SC automated"),
        (a_ring(f"{SATURDAY}T12:00:00-04:00", "US-ME"), {"voice": "ai"}, "US-ME automated"),
        (a_ring(f"{TUESDAY}T19:30:00-04:00", "US-PA"), {"voice": "human"}, "US-PA strict"),
        (a_ring(f"{SUNDAY}T12:00:00-05:00", "US-LA", zones=("America/Chicago",)), {}, "US-LA hours"),
        (a_ring(f"{SATURDAY}T17:30:00-04:00", "US-RI"), {}, "US-RI hours"),
        (a_ring("2026-12-25T12:00:00-05:00", "US-PA"), {}, "US-PA holiday"),
        (a_ring("2026-07-03T12:00:00-06:00", "US-UT", zones=("America/Denver",)), {}, "US-UT holiday"),
        (a_ring("2030-12-25T12:00:00-05:00", "US-PA"), {}, "US-PA holiday"),
        (a_ring(f"{TUESDAY}T08:30:00-05:00", "US-NY", "US-TX"), {"voice": "human"}, "US-TX hours"),
        (a_ring(f"{TUESDAY}T08:30:00-04:00", "US-FL"), {}, "US hours at Tue 07:30 America/Chicago"),
        (a_ring(f"{TUESDAY}T12:00:00-04:00", "US-NY", zones=()), {}, "nobody knows"),
        (a_ring(f"{TUESDAY}T12:00:00-04:00", zones=("America/New_York",)), {}, "nobody knows"),
        (a_ring(f"{TUESDAY}T12:00:00-04:00", "DO"), {}, "no rule known for DO"),
        (a_ring(f"{TUESDAY}T12:00:00-04:00", "US-ZZ"), {}, "no rule known for US-ZZ"),
        (a_ring(f"{TUESDAY}T12:00:00-04:00", "US-NY", zones=("Mars/Base",)), {}, "no such zone"),
        (a_ring(f"{TUESDAY}T08:30:00-04:00", "US"), {}, "US-"),
        (a_ring(f"{SATURDAY}T18:30:00-07:00", "CA-BC", zones=("America/Vancouver",)), {}, "CA hours"),
        (a_ring("2026-09-30T12:00:00-07:00", "CA-BC", zones=("America/Vancouver",)), {}, "CA-BC holiday"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_ring_outside_the_law_is_found(ring: RingRow, facts: dict[str, object], reason: str):
    verdict = verdict_of(ring, **facts)
    assert counts(verdict) == (0, 1, 0)
    assert reason in verdict.details["outside_hours"][0].reason


@pytest.mark.parametrize(
    ("ring", "facts"),
    [
        (a_ring(f"{TUESDAY}T08:00:00-04:00", "US-NY"), {}),
        (a_ring(f"{TUESDAY}T20:59:59.999-04:00", "US-NY"), {}),
        (a_ring(f"{TUESDAY}T08:30:00-07:00", "US-CA"), {"voice": "human"}),
        (a_ring(f"{TUESDAY}T19:30:00-04:00", "US-PA"), {"voice": "human", "strict": False}),
        (a_ring(f"{SATURDAY}T12:00:00-04:00", "US-ME"), {"voice": "human"}),
        (a_ring("2026-12-24T12:00:00-05:00", "US-PA"), {}),
        (a_ring("2026-12-25T12:00:00-05:00", "US-NY"), {}),
        (a_ring(f"{TUESDAY}T09:30:00-04:00", "US-FL"), {}),
        (a_ring(f"{TUESDAY}T03:00:00-04:00", "US-NY"), {"law": False}),
        (a_ring("2026-03-08T08:00:00-04:00", "US-NY"), {}),
        (a_ring("2026-11-01T20:59:00-05:00", "US-NY"), {}),
    ],
    ids=lambda value: value.at.isoformat() if isinstance(value, RingRow) else ",".join(value),
)
def test_a_lawful_ring_passes(ring: RingRow, facts: dict[str, object]):
    verdict = verdict_of(ring, **facts)
    assert verdict.clean
    assert verdict.counts() == {"total": 1, "doubled": 0, "outside_hours": 0, "over_cap": 0}


def test_mississippi_is_judged_by_central_time_and_by_the_clock_where_the_person_is():
    """The row's text names Central time: 20:00 there is 21:00 in the East and 18:00 in the West."""
    late = a_ring(f"{TUESDAY}T20:30:00-05:00", "US-MS", zones=("America/Los_Angeles",))
    assert "US-MS hours at Tue 20:30 America/Chicago" in verdict_of(late).details["outside_hours"][0].reason
    late_there = a_ring(f"{TUESDAY}T19:30:00-05:00", "US-MS", zones=("America/New_York",))
    assert (
        "US-MS hours at Tue 20:30 America/New_York"
        in verdict_of(late_there).details["outside_hours"][0].reason
    )
    assert verdict_of(a_ring(f"{TUESDAY}T12:00:00-05:00", "US-MS", zones=("America/New_York",))).clean


def test_what_the_lead_stated_counts_beside_what_the_number_implies():
    morning_in_new_york = a_ring(f"{TUESDAY}T10:00:00-04:00", "US-NY")
    assert verdict_of(morning_in_new_york).clean
    west = verdict_of(morning_in_new_york, stated_zone="America/Los_Angeles")
    assert "Tue 07:00 America/Los_Angeles" in west.details["outside_hours"][0].reason
    connecticut = verdict_of(a_ring(f"{TUESDAY}T20:30:00-04:00", "US-NY"), stated_region="US-CT")
    assert "US-CT" in connecticut.details["outside_hours"][0].reason


@pytest.mark.parametrize(
    "at", [f"{TUESDAY}T08:59:59-04:00", f"{TUESDAY}T18:00:00-04:00", f"{SATURDAY}T12:00-04:00"]
)
def test_a_ring_outside_the_agents_own_window_is_found(at: str):
    verdict = verdict_of(a_ring(at, "US-NY"), windows=BUSINESS)
    assert counts(verdict) == (0, 1, 0)
    assert verdict.details["outside_hours"][0].reason.startswith("own window at")
    assert verdict_of(a_ring(at, "US-NY"), windows=BUSINESS, after_hours=True).clean


def test_our_windows_are_read_in_the_stated_zone_else_everywhere_the_number_may_be():
    nine_in_new_york = a_ring(f"{TUESDAY}T09:30:00-04:00", "US-FL")
    verdict = verdict_of(nine_in_new_york, windows=BUSINESS)
    assert verdict.details["outside_hours"][0].reason == "own window at Tue 08:30 America/Chicago"
    assert verdict_of(nine_in_new_york, windows=BUSINESS, stated_zone="America/New_York").clean
    assert not verdict_of(nine_in_new_york, windows=BUSINESS, stated_zone="Not/AZone").clean


def test_without_any_zone_of_the_number_our_windows_are_read_in_the_accounts():
    ring = a_ring(f"{TUESDAY}T09:30:00-04:00", zones=())
    assert verdict_of(ring, windows=BUSINESS, law=False).clean
    assert not verdict_of(ring, windows=BUSINESS, law=False, account_zone="America/Chicago").clean


@pytest.mark.parametrize(
    "day",
    [
        TUESDAY,
        {"date": TUESDAY, "label": "moving"},
        {"date": "2020-06-02", "repeat": "yearly"},
        {"date": TUESDAY, "regions": ["US-NY"]},
    ],
)
def test_a_ring_on_a_no_call_day_is_found(day: object):
    verdict = verdict_of(a_ring(f"{TUESDAY}T12:00:00-04:00", "US-NY"), no_call_days=[day])
    assert verdict.details["outside_hours"][0].reason.startswith("no-call day")


@pytest.mark.parametrize(
    "day", [SUNDAY, {"date": "2020-06-02", "repeat": "none"}, {"date": TUESDAY, "regions": ["US-TX"]}]
)
def test_a_no_call_day_of_another_date_or_region_forbids_nothing(day: object):
    assert verdict_of(a_ring(f"{TUESDAY}T12:00:00-04:00", "US-NY"), no_call_days=[day]).clean


def test_a_no_call_day_is_the_day_where_the_lead_is():
    late_on_monday_there = a_ring(f"{TUESDAY}T00:30:00-04:00", "US-CA")
    assert verdict_of(late_on_monday_there, no_call_days=[TUESDAY], law=False).clean


def test_an_attempt_that_rang_twice_is_found():
    first, second = (a_ring(f"{TUESDAY}T1{n}:00:00-04:00", "US-NY", key=5) for n in (2, 3))
    verdict = verdict_of(second, first)
    assert counts(verdict) == (1, 0, 0)
    (finding,) = verdict.details["doubled"]
    assert (finding.at_ms, finding.key) == (second.at_ms, str(UUID(int=5)))


def test_a_second_ring_under_one_key_is_found_even_on_another_phone():
    rings = [a_ring(f"{TUESDAY}T12:00:00-04:00", "US-NY", key=5, phone=phone) for phone in phones(2)]
    assert counts(verdict_of(*rings)) == (1, 0, 0)


def hourly(count: int, *regions: str, first: int = 9) -> list[RingRow]:
    return [a_ring(f"{TUESDAY}T{first + n:02d}:00:00-04:00", *regions) for n in range(count)]


def test_a_fourth_ring_within_a_rolling_day_is_over_the_accounts_cap():
    verdict = verdict_of(*hourly(4, "US-NY"))
    assert counts(verdict) == (0, 0, 1)
    assert "account 3 in 86400 s" in verdict.details["over_cap"][0].reason
    assert verdict_of(*hourly(4, "US-NY"), caps=[{"max": 4, "window_s": 86_400}]).clean


def test_a_cap_rolls_and_is_not_of_the_calendar_day():
    evening = [a_ring(f"{TUESDAY}T{h}:00:00-04:00", "US-NY") for h in (17, 18, 19)]
    early = a_ring("2026-06-03T16:59:59.999-04:00", "US-NY")
    exactly_a_day_later = a_ring("2026-06-03T17:00:00-04:00", "US-NY")
    assert counts(verdict_of(*evening, early)) == (0, 0, 1)
    assert verdict_of(*evening, exactly_a_day_later).clean


@pytest.mark.parametrize("region", ["US-FL", "US-OK", "US-MD", "US-OR"])
def test_a_states_cap_holds_without_one_of_the_account(region: str):
    rings = hourly(4, region, first=12)
    assert counts(verdict_of(*rings, caps=())) == (0, 0, 1)
    assert verdict_of(*rings[:3], caps=()).clean
    assert verdict_of(*rings, caps=(), law=False).clean


def test_maine_wants_eight_hours_between_calls_of_an_artificial_voice():
    eight_hours = [a_ring(f"{TUESDAY}T{h}:00-04:00", "US-ME") for h in ("09:00", "16:59")]
    assert counts(verdict_of(*eight_hours)) == (0, 0, 1)
    assert verdict_of(*eight_hours, voice="human").clean


def test_each_phone_has_its_own_caps_over_all_attempts():
    assert verdict_of(
        *(a_ring(f"{TUESDAY}T12:00:00-04:00", "US-NY", key=n, phone=p) for n, p in enumerate(phones(50)))
    ).clean


def test_details_stop_at_twenty_and_show_no_number():
    """I25."""
    rings = [a_ring(f"{TUESDAY}T03:{n:02d}:00-04:00", "US-NY", key=1) for n in range(40)]
    verdict = verdict_of(*rings)
    assert counts(verdict) == (39, 40, 37)
    assert [len(found) for found in verdict.details.values()] == [20, 20, 20]
    assert b"555" not in msgspec.json.encode(verdict)


async def test_the_simulators_own_ledger_can_be_judged_from_memory_and_from_its_file(tmp_path: Path):
    ledger = RingLedger(tmp_path / "rings.ndjson")
    simulator = a_simulator(rings=ledger)
    actions = [an_action(n, to=phone) for n, phone in enumerate(phones(200))]
    await simulator.place(actions, instant_ms(f"{TUESDAY}T12:00:00-04:00"))
    await simulator.place(actions[:10], instant_ms(f"{TUESDAY}T23:00:00-04:00"))
    from_memory = judge(ledger, the_facts())
    assert from_memory == judge(read_rings(tmp_path / "rings.ndjson"), the_facts())
    assert from_memory.total == ledger.total
    assert 0 < from_memory.doubled == from_memory.outside_hours <= 10
    ledger.close()


# -- the second reading of the law -----------------------------------------------------------------------

LAW = Law()


@pytest.mark.parametrize("year", [2026, 2027, 2028])
@pytest.mark.parametrize("calendar", sorted(LAW._calendars))
def test_the_holidays_computed_from_the_rules_are_those_listed(calendar: str, year: int):
    listed = {date.fromisoformat(day["date"]) for day in LAW._calendars[calendar]["dates"]}
    assert LAW.computed_holidays(calendar, year) == {day for day in listed if day.year == year}


def test_beyond_the_listed_years_holidays_come_from_the_rules():
    assert date(2029, 11, 22) in LAW.holidays("US-PA", 2029)
    assert date(2029, 3, 30) in LAW.holidays("US-PA", 2029)  # Good Friday


def test_another_rules_file_can_be_named(tmp_path: Path):
    other = api.referee_rules.RULES_PATH.read_text().replace('"21:00"', '"12:00"')
    path = tmp_path / "rules.json"
    path.write_text(other)
    rings = [a_ring(f"{TUESDAY}T13:00:00-04:00", "US-NY")]
    assert judge(rings, the_facts()).clean
    assert judge(rings, the_facts(), path).outside_hours == 1


@pytest.mark.parametrize(
    "name", ["", "EST5EDT/../..", "../../etc/passwd", "America", "america/nowhere", "tzdata.zi"]
)
def test_what_is_no_zone_is_none(name: str):
    assert zone_named(name) is None


@pytest.mark.parametrize("module", [api.referee, api.referee_rules])
def test_the_referee_shares_nothing_with_what_it_judges(module: object):
    tree = ast.parse(Path(module.__file__).read_text())  # type: ignore[attr-defined]
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    roots = {name.partition(".")[0] for name in imported}
    assert not roots & {"scheduler", "dialer", "whenever", "phonenumbers"}
    assert {name for name in imported if name.startswith("api")} <= {"api.referee_rules"}

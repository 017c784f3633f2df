"""Numbers: raw text to E.164, and the candidates that a number alone gives (MISSION D22, RELIABILITY I7)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import phonenumbers
import pytest

from scheduler.domain.numbers import TOLL_FREE, BadNumber, normalize, place_of

AREAS = json.loads(
    (Path(__file__).parents[2] / "scheduler/domain/data/nanp_areas.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("raw", "phone"),
    [
        ("1-573-555-0119", "+15735550119"),
        ("(986) 555-0199", "+19865550199"),
        ("+17085550153", "+17085550153"),
        ("832.555.0117", "+18325550117"),
        ("\u00a0+1 (619) 555\u20110174 ", "+16195550174"),
        ("011 44 20 7946 0958", "+442079460958"),
        ("+61 412 345 678", "+61412345678"),
    ],
)
def test_usual_ways_of_writing_a_number_give_e164(raw: str, phone: str):
    assert normalize(raw) == phone


def test_a_number_without_a_country_is_read_in_the_default_region():
    assert normalize("020 7946 0958", "GB") == "+442079460958"


@pytest.mark.parametrize("raw", ["", "   ", "\t"])
def test_an_empty_cell_is_a_missing_phone(raw: str):
    with pytest.raises(BadNumber) as caught:
        normalize(raw)
    assert caught.value.code == "phone-missing"


@pytest.mark.parametrize(
    "raw",
    [
        "911",
        "72345",
        "900-555-0123",  # premium
        "212-976-0123",  # pay per call
        "619-911-0123",  # no exchange is a service code
        "619-555-1212",  # directory assistance
        "+870 773 111 632",  # satellite
        "+881 612 345 678",
        "6195550174 ext 5",
        "1-800-FLOWERS",
        "\uff16\uff11\uff195550174",  # full-width digits
        "\u0666\u0661\u06695550174",  # Arabic-Indic digits
        "+6195550174",  # says Australia, is too short for it
        "157355501190",  # a spreadsheet's 15735550119.0
        "+1+6195550174",
        "555-0119",
        "619-555-017x",
        "619-555-017\u0664",
        "0" * 40,
        "111-555-0119",
        "n/a",
    ],
)
def test_what_may_not_or_cannot_be_dialled_is_invalid(raw: str):
    assert normalize("619-555-0174")  # its prefix is known to be good

    with pytest.raises(BadNumber) as caught:
        normalize(raw)
    assert caught.value.code == "phone-invalid"
    assert "555" not in str(caught.value)


def test_validity_by_prefix_is_the_validity_of_the_whole_number():
    rng = random.Random(20)
    for _ in range(3000):
        area, rest = rng.choice([*AREAS, *TOLL_FREE]), f"{rng.randrange(10**7):07d}"
        whole = phonenumbers.is_valid_number(phonenumbers.parse(f"+1{area}{rest}"))
        refused = rest[1:3] == "11" or rest[:3] == "976" or rest == "5551212"
        try:
            assert normalize(area + rest) == f"+1{area}{rest}"
            assert whole
            assert not refused
        except BadNumber:
            assert refused or not whole


def test_every_area_code_of_the_us_and_canada_has_a_place():
    for area in range(200, 1000):
        number = phonenumbers.PhoneNumber(country_code=1, national_number=int(f"{area}2345678"))
        kind = phonenumbers.number_type(number)
        if kind == phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE:
            assert place_of(f"+1{area}5550123").source == "number", area


EAST, CENTRAL, MOUNTAIN, PACIFIC = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
)


@pytest.mark.parametrize(
    ("area", "region", "zones"),
    [
        ("219", "US-IN", {CENTRAL}),
        ("812", "US-IN", {CENTRAL, "America/Indiana/Indianapolis"}),
        ("317", "US-IN", {"America/Indiana/Indianapolis"}),
        ("850", "US-FL", {EAST, CENTRAL}),
        ("448", "US-FL", {EAST, CENTRAL}),
        ("689", "US-FL", {EAST}),
        ("907", "US-AK", {"America/Anchorage", "America/Adak"}),
        ("208", "US-ID", {"America/Boise", PACIFIC}),
        ("270", "US-KY", {EAST, CENTRAL}),
        ("606", "US-KY", {EAST, CENTRAL}),
        ("423", "US-TN", {EAST, CENTRAL}),
        ("615", "US-TN", {CENTRAL}),
        ("915", "US-TX", {MOUNTAIN}),
        ("432", "US-TX", {CENTRAL, MOUNTAIN}),
        ("785", "US-KS", {CENTRAL, MOUNTAIN}),
        ("308", "US-NE", {CENTRAL, MOUNTAIN}),
        ("701", "US-ND", {CENTRAL, MOUNTAIN}),
        ("605", "US-SD", {CENTRAL, MOUNTAIN}),
        ("541", "US-OR", {PACIFIC, "America/Boise"}),
        ("503", "US-OR", {PACIFIC}),
        ("906", "US-MI", {"America/Detroit", "America/Menominee"}),
        ("775", "US-NV", {PACIFIC, MOUNTAIN}),
        ("928", "US-AZ", {"America/Phoenix", MOUNTAIN}),
        ("602", "US-AZ", {"America/Phoenix"}),
        ("808", "US-HI", {"Pacific/Honolulu"}),
        ("787", "US-PR", {"America/Puerto_Rico"}),
        ("416", "CA", {"America/Toronto"}),
        ("604", "CA-BC", {"America/Vancouver"}),
    ],
)
def test_an_area_code_gives_all_its_zones_and_its_region(area: str, region: str, zones: set[str]):
    place = place_of(f"+1{area}5550123")

    assert place.regions == (region,)
    assert set(place.zones) == set(place.own_zones) == zones


@pytest.mark.parametrize("phone", ["+18005550123", "+18885550123", "+15005550123"])
def test_a_number_without_a_place_may_be_in_any_state(phone: str):
    place = place_of(phone)

    assert place.source == "unknown"
    assert len(place.regions) == 51
    assert {EAST, CENTRAL, MOUNTAIN, PACIFIC, "Pacific/Honolulu", "America/Adak"} <= set(place.zones)


@pytest.mark.parametrize(
    ("phone", "region"),
    [("+18765550123", "JM"), ("+442079460958", "GB"), ("+493012345678", "DE"), ("+61412345678", "AU")],
)
def test_other_countries_are_regions_of_their_own(phone: str, region: str):
    place = place_of(phone)

    assert place.regions == (region,)
    assert place.zones


def test_an_australian_mobile_may_be_in_any_zone_of_australia():
    assert {"Australia/Perth", "Australia/Sydney", "Australia/Darwin"} <= set(place_of("+61412345678").zones)

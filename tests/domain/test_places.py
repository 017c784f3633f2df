"""Places: stated and implied candidates together (MISSION D22, D23; the data's note on area codes)."""

from __future__ import annotations

import pytest

from scheduler.domain.model import Place
from scheduler.domain.numbers import place_of
from scheduler.domain.places import combine
from scheduler.domain.zones import find_zone, is_zone
from scheduler.errors import UnknownZone

MANHATTAN = place_of("+12125550100")
LONDON = place_of("+442079460958")
TOLL_FREE = place_of("+18005550100")


def test_d22_a_stated_zone_joins_the_candidates_and_alone_reads_our_windows():
    place = combine(MANHATTAN, "America/Los_Angeles", None)

    assert place == Place(
        ("America/Los_Angeles", "America/New_York"), ("US-NY",), ("America/Los_Angeles",), "stated"
    )


def test_nothing_stated_leaves_what_the_number_says():
    assert combine(MANHATTAN, None, None) == combine(MANHATTAN, " ", "n/a") == MANHATTAN


@pytest.mark.parametrize("stated", ["US-FL", "FL", "fl ", "Florida", "florida"])
def test_a_stated_state_joins_that_of_the_area_code(stated: str):
    assert combine(MANHATTAN, None, stated).regions == ("US-FL", "US-NY")


@pytest.mark.parametrize("area", ["203", "305", "405", "503"])
def test_the_area_codes_of_ct_fl_ok_and_or_stay_candidates_whatever_is_stated(area: str):
    number = place_of(f"+1{area}5550100")

    place = combine(number, "America/Denver", "Colorado")

    assert set(number.regions) < set(place.regions)
    assert set(number.zones) < set(place.zones)


def test_a_stated_region_brings_its_zones_unless_the_stated_zone_is_one_of_them():
    assert "America/Los_Angeles" in combine(MANHATTAN, None, "CA").zones
    assert combine(MANHATTAN, "America/Boise", "Idaho").zones == ("America/Boise", "America/New_York")
    assert set(combine(MANHATTAN, "America/Denver", "Idaho").zones) == {
        "America/Boise",
        "America/Denver",
        "America/Los_Angeles",
        "America/New_York",
    }


def test_two_letters_mean_the_state_unless_the_number_is_of_that_country():
    assert combine(MANHATTAN, None, "CA").regions == ("US-CA", "US-NY")
    assert combine(place_of("+14165550100"), None, "CA").regions == ("CA",)
    assert combine(LONDON, None, "GB") == LONDON


def test_canadian_provinces_are_canada_but_for_the_one_with_a_rule_of_its_own():
    assert combine(place_of("+14165550100"), None, "Quebec").regions == ("CA",)
    assert combine(place_of("+14165550100"), None, "BC").regions == ("CA", "CA-BC")


def test_the_us_alone_says_nothing_new_about_a_us_number_and_every_state_about_another():
    assert combine(MANHATTAN, None, "USA") == MANHATTAN
    assert len(combine(LONDON, None, "US").regions) == 52


def test_a_region_that_is_nobodys_becomes_one_that_is_closed_without_repeating_the_text():
    assert combine(MANHATTAN, None, "555-0100").regions == ("US-NY", "ZZ")


def test_a_toll_free_number_keeps_every_state_beside_what_is_stated():
    assert len(combine(TOLL_FREE, "America/Denver", "CO").regions) == 51
    assert combine(TOLL_FREE, "America/Denver", "CO").own_zones == ("America/Denver",)


@pytest.mark.parametrize(
    "text", ["Mars/Olympus", "EST", "PST8PDT", "Eastern", "../etc", "America/New_York\0"]
)
def test_a_stated_zone_that_is_none_is_an_error_that_does_not_repeat_it(text: str):
    with pytest.raises(UnknownZone) as caught:
        combine(MANHATTAN, text, None)
    assert text not in str(caught.value)
    assert not is_zone(text)


def test_zones_are_found_whatever_their_case_and_spelled_as_the_database_does():
    assert find_zone(" america/new_york ") == "America/New_York"
    assert find_zone("UTC") == "UTC"

"""Phone numbers: raw text to E.164, and where a number alone says its owner may be.

For North America a number's validity and place follow from its first six digits, so both are looked up once
a prefix. Area codes and their zones and regions are data (`data/nanp_areas.json`): wide where an area
straddles a line, since the law takes the overlap of all candidates. Digits are ASCII digits.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files

import msgspec
import phonenumbers
from phonenumbers.timezone import time_zones_for_geographical_number

from scheduler.domain import rules
from scheduler.domain.model import Place
from scheduler.domain.zones import is_zone
from scheduler.errors import DialwheelError

TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})
UNKNOWN_REGION = "ZZ"
"""Stands for a country or state that nobody could tell: no rule is known for it, so it is closed."""

_NORTH_AMERICA = frozenset({"US", "CA"})
_SEPARATORS = dict.fromkeys(map(ord, " \t-.()/\u00a0\u2010\u2011\u2012\u2013"))
_PLAIN = re.compile(r"\+?[0-9]{4,18}", re.ASCII)
_REFUSED_TYPES = frozenset(
    {
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.PAGER,
        phonenumbers.PhoneNumberType.VOICEMAIL,
    }
)
_NON_GEOGRAPHIC = "001"
_PREFIXES_KEPT = 200_000
_valid_prefixes: dict[str, bool] = {}


class BadNumber(DialwheelError):
    """Not a number that may be dialled. `code` is the import's row code: phone-missing or phone-invalid."""

    def __init__(self, code: str) -> None:
        super().__init__("no phone number" if code == "phone-missing" else "not a number that can be dialled")
        self.code = code


def normalize(raw: str, default_region: str = "US") -> str:
    """The number in E.164. `default_region`: the country of numbers written without one.

    Premium, emergency, short and satellite numbers are refused, and so are extensions and letters.
    Raises BadNumber.
    """
    text = raw.translate(_SEPARATORS)
    if default_region in _NORTH_AMERICA and len(text) == 10:
        national = text
    elif len(text) == 12 and text.startswith("+1"):
        national = text[2:]
    elif default_region in _NORTH_AMERICA and len(text) == 11 and text[0] == "1":
        national = text[1:]
    else:
        return _normalize_any(text, default_region)
    prefix = national[:6]
    valid = _valid_prefixes.get(prefix)
    if valid is None:
        if not national.isdigit() or not national.isascii() or prefix[:3] not in _areas():
            return _normalize_any(text, default_region)
        valid = _keep_prefix(prefix)
    if not valid or not (national.isdigit() and national.isascii()) or national.endswith("5551212"):
        raise BadNumber("phone-invalid")
    return "+1" + national


def place_of(phone: str) -> Place:
    """Where the owner of this E.164 number may be, from the number alone. Errs wide: toll-free numbers and
    those whose area says nothing may be anywhere in the states of the US."""
    if phone.startswith("+1"):
        place = _areas().get(phone[2:5])
        if place is not None:
            return place
    return _place_elsewhere(phone)


@cache
def anywhere_in_the_us() -> Place:
    """Every state and its zones."""
    states = rules.load().all_states()
    zones = rules.load().zones_of(states)
    return Place(zones, states, zones, "unknown")


class _Area(msgspec.Struct):
    zones: tuple[str, ...]
    regions: tuple[str, ...]


@cache
def _areas() -> dict[str, Place]:
    text = files("scheduler.domain").joinpath("data/nanp_areas.json").read_bytes()
    areas = msgspec.json.decode(text, type=dict[str, _Area])
    places = {code: Place(area.zones, area.regions, area.zones, "number") for code, area in areas.items()}
    return places | dict.fromkeys(TOLL_FREE, anywhere_in_the_us())


def _keep_prefix(prefix: str) -> bool:
    """Validity of all numbers that begin with these six digits: in these areas the rest decides nothing."""
    exchange = prefix[3:]
    valid = (
        exchange[1:] != "11"  # service codes: 211 to 911
        and exchange != "976"  # pay per call
        and phonenumbers.is_valid_number(phonenumbers.PhoneNumber(1, int(prefix + "2345")))
    )
    if len(_valid_prefixes) >= _PREFIXES_KEPT:
        _valid_prefixes.clear()
    _valid_prefixes[prefix] = valid
    return valid


@lru_cache(maxsize=50_000)
def _normalize_any(text: str, region: str) -> str:
    if not text:
        raise BadNumber("phone-missing")
    if not _PLAIN.fullmatch(text):
        raise BadNumber("phone-invalid")
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise BadNumber("phone-invalid") from error
    if (
        not phonenumbers.is_valid_number(number)
        or phonenumbers.number_type(number) in _REFUSED_TYPES
        or phonenumbers.region_code_for_number(number) == _NON_GEOGRAPHIC
    ):
        raise BadNumber("phone-invalid")
    phone = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if phone.startswith("+1") and phone[2:5] in _areas() and not _keep_prefix(phone[2:8]):
        raise BadNumber("phone-invalid")
    return phone


@lru_cache(maxsize=50_000)
def _place_elsewhere(phone: str) -> Place:
    number = phonenumbers.parse(phone)
    region = phonenumbers.region_code_for_number(number) or UNKNOWN_REGION
    if region == "US":
        return anywhere_in_the_us()
    if number.country_code == 1 and region == "CA":  # no area: 600, 622 and the like
        regions = ("CA", "CA-BC")
        zones = rules.load().zones_of(regions)
        return Place(zones, regions, zones, "unknown")
    found = (zone for zone in time_zones_for_geographical_number(number) if is_zone(zone))
    zones = tuple(sorted({*found, *rules.load().zones_of((region,))}))
    return Place(zones, (region,), zones, "number" if zones else "unknown")

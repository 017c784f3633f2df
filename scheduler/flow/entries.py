"""A lead as it comes in, by file or by request: checked, its number in E.164, its place known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from scheduler.domain.model import Place, Priority
from scheduler.domain.numbers import BadNumber, normalize, place_of
from scheduler.domain.places import combine, is_nobodys
from scheduler.domain.time import Ms
from scheduler.errors import UnknownZone

MAX_VARIABLES = 8192
"""Bytes of JSON that the variables of one lead may take."""

MAX_EXTERNAL_ID = 255
"""Characters: it is the key of an index."""

MAX_TAGS = 100

DETAILS = {
    "phone-missing": "no phone number",
    "phone-invalid": "not a number that can be called; write it with its country code: +1 202 555 0123",
    "timezone-unknown": "not an IANA time zone; write it like America/Chicago, or leave it empty",
    "region-unknown": "no region whose hours are known; write it like US-FL, Florida or GB, or leave it out",
}


class Entry(msgspec.Struct, frozen=True):
    """A lead to enrol. `phone` is E.164; `consent` and `variables` are JSON; empty means not stated."""

    phone: str
    place: Place
    external_id: str | None = None
    name: str = ""
    email: str = ""
    timezone: str | None = None
    region: str | None = None
    priority: Priority = Priority.BULK
    appointment_at_ms: Ms | None = None
    consent: str | None = None
    tags: tuple[str, ...] = ()
    variables: str = "{}"


class BadField(msgspec.Struct, frozen=True):
    """Why a lead cannot come in: the row code of the import, the lead's field, a detail without its value."""

    code: str
    field: str
    detail: str


EntryOrBad: TypeAlias = Entry | BadField

_encode = msgspec.json.Encoder().encode


def read_entry(
    *,
    phone: str,
    external_id: str | None = None,
    name: str = "",
    email: str = "",
    timezone: str | None = None,
    region: str | None = None,
    priority: Priority = Priority.BULK,
    appointment_at_ms: Ms | None = None,
    consent: Mapping[str, Any] | str | None = None,
    tags: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
    country: str = "US",
) -> EntryOrBad:
    """Check one lead. `country` is the one that a number without a country code is read in."""
    try:
        number = normalize(phone, country)
    except BadNumber as error:
        return BadField(error.code, "phone", DETAILS[error.code])
    try:
        place = place_of(number)
        if timezone or region:
            if region and is_nobodys(region, place):
                return BadField("region-unknown", "region", DETAILS["region-unknown"])
            place = combine(place, timezone or None, region or None)
    except UnknownZone:
        return BadField("timezone-unknown", "timezone", DETAILS["timezone-unknown"])
    if external_id and len(external_id) > MAX_EXTERNAL_ID:
        return BadField(
            "cell-too-large", "external_id", f"an external id has {MAX_EXTERNAL_ID} characters at most"
        )
    if len(tags) > MAX_TAGS:
        return BadField("cell-too-large", "tags", f"a lead has {MAX_TAGS} tags at most")
    packed = b"{}" if not variables else _encode(variables)
    if len(packed) > MAX_VARIABLES:
        return BadField(
            "cell-too-large", "variables", f"the variables of a lead take {MAX_VARIABLES} bytes at most"
        )
    return Entry(
        number,
        place,
        external_id or None,
        name,
        email,
        timezone or None,
        region or None,
        priority,
        appointment_at_ms,
        consent if consent is None or isinstance(consent, str) else _encode(consent).decode(),
        tuple(tags),
        packed.decode(),
    )

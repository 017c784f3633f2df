"""Bodies of leads as what enrolment takes; what is wrong with them as problems that point at the place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from api.decoding import decode_body
from api.instants import sensible, utc
from api.problems import Problem, invalid
from api.requests_leads import ConsentIn, LeadChange, LeadIn
from scheduler.domain.model import Priority
from scheduler.flow.entries import BadField, Entry, EntryOrBad, read_entry
from scheduler.ledger.instants import to_ms

MOST_DEPTH = 8
"""Levels that the variables of a lead may be nested."""

_decode = msgspec.json.Decoder(LeadIn).decode


def entry_of(body: LeadIn, external_id: str | None = None) -> Entry:
    """The body as an entry; `external_id` where the path states it. Raises Problem 422."""
    check_parts(body)
    entry = read_entry(
        phone=body.phone,
        external_id=external_id or body.external_id,
        name=body.name,
        email=body.email,
        timezone=body.timezone,
        region=body.region,
        priority=Priority(body.priority),
        appointment_at_ms=None if body.appointment_at is None else to_ms(body.appointment_at),
        consent=None if body.consent is None else consent_text(body.consent),
        tags=body.tags,
        variables=body.variables,
    )
    if isinstance(entry, BadField):
        raise invalid(f"/{entry.field}", entry.code, entry.detail)
    return entry


def entry_of_record(record: bytes) -> EntryOrBad:
    """A line of NDJSON that is such a body; of a fault, the field is a pointer."""
    try:
        try:
            body = _decode(record)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            body = decode_body(record, LeadIn)  # says where
        if b"\\u0000" in record:
            decode_body(record, LeadIn)
        return entry_of(body)
    except Problem as problem:
        if not problem.errors:
            return BadField(problem.code, "", problem.detail)
        error = problem.errors[0]
        return BadField(error.code, error.pointer, error.detail)


def consent_text(consent: ConsentIn) -> str:
    told = msgspec.to_builtins(consent, builtin_types=(datetime,))
    for name, said in told.items():
        told[name] = utc(said) if isinstance(said, datetime) else said
    return msgspec.json.encode(told).decode()


def check_parts(body: LeadIn | LeadChange) -> None:
    """What the types do not say: instants that anybody can mean, variables of some depth. Raises Problem."""
    consent = body.consent if isinstance(body.consent, ConsentIn) else None
    instants = {
        "/appointment_at": body.appointment_at,
        "/consent/captured_at": consent and consent.captured_at,
        "/consent/expires_at": consent and consent.expires_at,
    }
    for pointer, at in instants.items():
        if isinstance(at, datetime) and not sensible(at):
            raise invalid(pointer, "out-of-range", "an instant between the years 2000 and 2200")
    if body.variables is not UNSET and _depth(body.variables) > MOST_DEPTH:
        raise invalid("/variables", "too-deep", f"variables may be nested {MOST_DEPTH} levels deep")


def _depth(value: Any) -> int:
    """Levels of a decoded JSON value; the decoder has bounded them by then."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0

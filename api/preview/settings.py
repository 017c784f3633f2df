"""A spec's settings as the planner takes them: compiled by the code that compiles an agent's own."""

from __future__ import annotations

import re
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import UNSET

from api.instants import sensible
from api.preview.spec import PolicySpec, Spec, wrong
from scheduler.domain import rules
from scheduler.domain.cadence_form import CadenceForm, cadence_of
from scheduler.domain.localtime import day_from_text
from scheduler.domain.model import Cadence, Closure, Lead, NoCallDay, Policy, Priority
from scheduler.domain.presets import PRESETS, Preset
from scheduler.domain.windows import BUSINESS_WEEK, week_from_api, week_to_api
from scheduler.errors import SettingsError, UsageError
from scheduler.flow.entries import BadField, read_entry
from scheduler.flow.keys import lead_key
from scheduler.flow.policies import compile_policy
from scheduler.ledger.instants import to_ms

ACCOUNT_ZONE = "America/New_York"
"""Where windows are read for a lead of whom nothing is known: the zone a new account has."""

_PHONE_KEY = b"preview"
_REGION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


def policy_of(spec: Spec) -> Policy:
    """Raises UsageError at the place of the spec that no policy can have."""
    preset = _preset(spec.policy)
    settings = _settings(spec, preset)
    cadence = _cadence(spec.policy) if preset is None else preset.settings.get("cadence")
    row: dict[str, Any] = {
        "agent_id": 0,
        "account_id": 0,
        "policy_version": 1,
        "account_paused": False,
        "agent_paused": False,
        "deleted": False,
        "voice": spec.voice,
        "strict": True,
        "simulated": True,
        "timezone": ACCOUNT_ZONE,
        "auto_dialer": msgspec.json.encode(settings if cadence is None else settings | {"strategy": "smart"}),
        "windows": msgspec.json.encode(_windows(spec)),
        "live_after_hours": spec.live_after_hours,
        "frequency_caps": msgspec.json.encode(spec.frequency_caps),
        "jitter_max_s": spec.jitter_max_s,
        "no_call_days": "[]",
        "closures": "[]",
    }
    policy = compile_policy(row, spec.seed).policy
    if cadence is not None:  # which ends with its steps where no other limit is given
        limits = {name: settings.get(name) for name in ("max_attempts", "max_retry_days")}
        policy = msgspec.structs.replace(policy, strategy="cadence", cadence=cadence, **limits)
    return msgspec.structs.replace(
        policy,
        rules=spec.rules,
        no_call_days=tuple(_no_call_day(spec, number) for number in range(len(spec.no_call_days))),
        closures=tuple(_closure(spec, number) for number in range(len(spec.closures))),
    )


def lead_of(spec: Spec) -> Lead:
    """Raises UsageError for a lead that could not be enrolled."""
    said = spec.lead
    priority = _priority(spec)
    entry = read_entry(
        phone=said.phone,
        external_id=said.external_id,
        timezone=said.timezone,
        region=said.region,
        priority=priority,
        tags=said.tags,
        variables=said.variables,
    )
    if isinstance(entry, BadField):
        do = _near_zone(said.timezone) if entry.field == "timezone" else "correct it"
        raise wrong(f"/lead/{entry.field}", entry.detail, do)
    return Lead(
        key=lead_key(_PHONE_KEY, entry.external_id, entry.phone),
        place=entry.place,
        priority=priority,
        consent=said.consent is not None,
        appointment_at_ms=_ms("/lead/appointment_at", said.appointment_at) if said.appointment_at else None,
        tags=tuple(said.tags),
        variables=said.variables,
    )


def start_of(spec: Spec) -> int:
    return _ms("/start_at", spec.start_at)


def _preset(said: PolicySpec) -> Preset | None:
    if said.preset is None:
        if said.strategy is None:
            raise wrong("/policy", "neither a strategy nor a preset", "add strategy or preset")
        return None
    if said.strategy is not None or said.cadence is not None:
        field = "strategy" if said.strategy is not None else "cadence"
        raise wrong(f"/policy/{field}", "beside a preset, which has its own", f"leave out {field} or preset")
    found = PRESETS.get(said.preset)
    if found is None:
        near = get_close_matches(said.preset, PRESETS, 1, cutoff=0.4)
        known = f"known are {', '.join(PRESETS)}"
        raise wrong("/policy/preset", "no such preset", f"did you mean `{near[0]}`?" if near else known)
    return found


def _settings(spec: Spec, preset: Preset | None) -> dict[str, Any]:
    """`auto_dialer` as the API writes it: the preset's settings and what is said beside it."""
    said = spec.policy
    own: dict[str, Any] = {"strategy": said.strategy} if preset is None else dict(preset.settings)
    own.pop("cadence", None)
    for name in (
        "intensity", "intervals_s", "max_attempts", "max_retry_days", "immediate_callback", "stop_on",
        "max_consecutive_errors",
    ):  # fmt: skip
        value = getattr(said, name)
        if value is not UNSET:
            own[name] = value
    if spec.stop_on is not None:
        own["stop_on"] = spec.stop_on
    return own


def _cadence(said: PolicySpec) -> Cadence | None:
    if said.strategy != "cadence":
        if said.cadence is not None:
            raise wrong("/policy/cadence", "beside another strategy", 'write strategy: "cadence"')
        return None
    if said.cadence is None:
        raise wrong("/policy/cadence", "this field is required", "the strategy cadence needs one")
    return _checked(said.cadence)


def _checked(form: CadenceForm) -> Cadence:
    if form.windows is not None:
        try:
            week_from_api(form.windows)
        except SettingsError as error:
            raise wrong("/policy/cadence/windows", error.what, error.do) from error
    try:
        return cadence_of(form)
    except SettingsError as error:
        pointer, colon, what = error.what.partition(": ")
        raise UsageError(f"/policy/cadence{pointer}{colon}{what}", error.why, error.do) from error


def _windows(spec: Spec) -> dict[str, Any]:
    if spec.windows is None:
        return week_to_api(BUSINESS_WEEK)
    said: dict[str, Any] = msgspec.to_builtins(spec.windows)
    for day in [name for name, hours in said.items() if hours is None]:
        del said[day]
    for day, hours in said.items():
        try:
            week_from_api({day: hours})
        except SettingsError as error:
            raise wrong(f"/windows/{day}", error.what, error.do) from error
    return said


def _no_call_day(spec: Spec, number: int) -> NoCallDay:
    said = spec.no_call_days[number]
    try:
        day_from_text(said.date)
    except ValueError:
        raise wrong(f"/no_call_days/{number}/date", "no such date", "write it like 2026-12-25") from None
    regions = _regions(f"/no_call_days/{number}", said.regions)
    return NoCallDay(said.date, said.label, regions, said.repeat == "yearly")


def _closure(spec: Spec, number: int) -> Closure:
    said, at = spec.closures[number], f"/closures/{number}"
    from_ms, until_ms = _ms(f"{at}/starts_at", said.starts_at), _ms(f"{at}/ends_at", said.ends_at)
    if until_ms <= from_ms:
        raise wrong(f"{at}/ends_at", "it ends before it starts", "write a later instant")
    return Closure(from_ms, until_ms, _regions(at, said.regions), said.reason)


def _regions(at: str, said: list[str]) -> tuple[str, ...]:
    """A misspelt region would close nothing, without a word."""
    for number, region in enumerate(said):
        book = rules.load()
        if not _REGION.fullmatch(region) or (region.startswith("US-") and not book.knows(region)):
            near = get_close_matches(region.upper(), book.rows, 1, cutoff=0.7)
            do = f"did you mean `{near[0]}`?" if near else "write a country or a state: CA, US-FL"
            raise wrong(f"{at}/regions/{number}", "not a region", do)
    return tuple(said)


def _priority(spec: Spec) -> Priority:
    if spec.priority is not UNSET:
        return Priority(spec.priority)
    preset = PRESETS.get(spec.policy.preset or "")
    return (preset.priority if preset else None) or Priority.BULK


def _near_zone(text: str | None) -> str:
    from whenever import available_timezones

    near = get_close_matches((text or "").strip(), available_timezones(), 1, cutoff=0.5)
    return f"did you mean `{near[0]}`?" if near else "write it like America/Chicago, or null"


def _ms(pointer: str, at: datetime) -> int:
    if not sensible(at):
        raise wrong(pointer, "not an instant that anybody means", "write a year from 2000 to 2199")
    return to_ms(at)

"""The referee: judges rings by the law and the agents' windows read anew, sharing nothing with the planner.

It asks three things of each ring. Was it the second for one attempt? Was the phone's owner outside the hours,
wherever the number or the lead's own statement may place them? Was it one too many for a cap? It reads what
the provider's ledger says, not what ours does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from api.referee_rules import Law, local_time, minutes, zone_named

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHOWN = 20


class RingLike(Protocol):
    """What is read of a ring. `key` is the attempt's; `zones` and `regions` are all those of the number."""

    @property
    def at_ms(self) -> int: ...
    @property
    def phone(self) -> str: ...
    @property
    def key(self) -> object: ...
    @property
    def zones(self) -> Sequence[str]: ...
    @property
    def regions(self) -> Sequence[str]: ...


class RingRow(msgspec.Struct, frozen=True):
    """A ring as a line of the rings file has it."""

    at: datetime
    phone: str
    key: str
    attempt: int
    zones: tuple[str, ...]
    regions: tuple[str, ...]

    @property
    def at_ms(self) -> int:
        return round(self.at.timestamp() * 1000)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent and the lead behind a phone were set to, in the forms of the API.

    `windows`: `{mon: {enabled, ranges: [{start, end}]}, …}`, the agent's or else the account's; None: no own
    hours. `no_call_days`: dates, or `{date, regions?, repeat?}`. `caps`: `{max, window_s}`. `after_hours`: a
    live lead of an account that calls these outside its windows. `law`: whether the calling rules apply.
    """

    windows: Mapping[str, Any] | None
    account_zone: str
    voice: str = "ai"
    strict: bool = True
    stated_zone: str | None = None
    stated_region: str | None = None
    no_call_days: Sequence[str | Mapping[str, Any]] = ()
    caps: Sequence[Mapping[str, int]] = ()
    after_hours: bool = False
    law: bool = True


class Finding(msgspec.Struct, frozen=True):
    """One ring that should not have been, without its number."""

    at_ms: int
    key: str
    reason: str


class Verdict(msgspec.Struct, frozen=True):
    """How many rings there were and how many broke what; of each kind the first few in order of time."""

    total: int
    doubled: int
    outside_hours: int
    over_cap: int
    details: dict[str, list[Finding]]

    def counts(self) -> dict[str, int]:
        """The four figures of the summary."""
        return {
            "total": self.total,
            "doubled": self.doubled,
            "outside_hours": self.outside_hours,
            "over_cap": self.over_cap,
        }

    @property
    def clean(self) -> bool:
        return not (self.doubled or self.outside_hours or self.over_cap)


def judge(
    rings: Iterable[RingLike], facts_of_phone: Callable[[str], Facts], rules_path: Path | None = None
) -> Verdict:
    """Judge all rings together; in any order, of any number of runs. `rules_path`: another rules file."""
    law = Law(rules_path)
    by_phone: dict[str, list[RingLike]] = defaultdict(list)
    for ring in rings:
        by_phone[ring.phone].append(ring)
    found: dict[str, list[Finding]] = {"doubled": [], "outside_hours": [], "over_cap": []}
    hours = _Hours(law)
    rung: set[str] = set()
    for phone, of_phone in by_phone.items():
        facts = facts_of_phone(phone)
        of_phone.sort(key=lambda ring: ring.at_ms)
        for ring in of_phone:
            key = str(ring.key)
            if key in rung:
                found["doubled"].append(Finding(ring.at_ms, key, "this attempt has rung before"))
            rung.add(key)
            reason = hours.why_closed(ring, facts)
            if reason is not None:
                found["outside_hours"].append(Finding(ring.at_ms, key, reason))
        found["over_cap"] += _over_cap(of_phone, facts, law)
    for findings in found.values():
        findings.sort(key=lambda finding: finding.at_ms)
    return Verdict(
        total=sum(map(len, by_phone.values())),
        doubled=len(found["doubled"]),
        outside_hours=len(found["outside_hours"]),
        over_cap=len(found["over_cap"]),
        details={kind: findings[:_SHOWN] for kind, findings in found.items()},
    )


def read_rings(path: Path) -> Iterator[RingRow]:
    """The rings of an NDJSON file: `{at, phone, key, attempt, zones, regions}` a line."""
    decoder = msgspec.json.Decoder(RingRow)
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield decoder.decode(line)


class _Hours:
    """The law's hours and our own, remembered by the minute: most rings share both with others."""

    def __init__(self, law: Law) -> None:
        self._law = law
        self._known: dict[tuple[str, str, str, bool, int], str | None] = {}

    def why_closed(self, ring: RingLike, facts: Facts) -> str | None:
        stated = facts.stated_zone if facts.stated_zone and zone_named(facts.stated_zone) else None
        zones = [*ring.zones, stated] if stated else list(ring.zones)
        regions = [*ring.regions, facts.stated_region] if facts.stated_region else list(ring.regions)
        if facts.law:
            if not zones or not regions:
                return "nobody knows where this number may be"
            for region in regions:
                for zone in zones:
                    reason = self._by_law(region, zone, facts, ring.at_ms)
                    if reason is not None:
                        return reason
        own_zones = [stated] if stated else list(ring.zones) or [facts.account_zone]
        for name in own_zones:
            clock = zone_named(name)
            if clock is None:
                return f"no such zone: {name}"
            local = local_time(ring.at_ms, clock)
            if not facts.after_hours and not _in_windows(facts.windows, local):
                return f"own window at {local:%a %H:%M} {name}"
            if _is_no_call_day(facts.no_call_days, local.date(), regions):
                return f"no-call day {local:%Y-%m-%d} {name}"
        return None

    def _by_law(self, region: str, zone_name: str, facts: Facts, at_ms: int) -> str | None:
        minute = at_ms // 60_000
        asked = (region, zone_name, facts.voice, facts.strict, minute)
        if asked not in self._known:
            zone = zone_named(zone_name)
            self._known[asked] = (
                f"no such zone: {zone_name}"
                if zone is None
                else self._law.why_closed(
                    region, zone, minute * 60_000, voice=facts.voice, strict=facts.strict
                )
            )
        return self._known[asked]


def _in_windows(windows: Mapping[str, Any] | None, local: datetime) -> bool:
    if windows is None:
        return True
    day = windows.get(_DAYS[local.weekday()]) or {}
    minute = local.hour * 60 + local.minute
    return bool(day.get("enabled")) and any(
        minutes(each["start"]) <= minute < minutes(each["end"]) for each in day.get("ranges", ())
    )


def _is_no_call_day(days: Sequence[str | Mapping[str, Any]], today: date, regions: Sequence[str]) -> bool:
    for day in days:
        row: Mapping[str, Any] = {"date": day} if isinstance(day, str) else day
        named = date.fromisoformat(row["date"])
        yearly = row.get("repeat") == "yearly" and (named.month, named.day) == (today.month, today.day)
        if (named == today or yearly) and (not row.get("regions") or set(row["regions"]) & set(regions)):
            return True
    return False


def _over_cap(rings: Sequence[RingLike], facts: Facts, law: Law) -> Iterator[Finding]:
    """The rings of one phone, in order of time, that make some rolling window hold more than it may."""
    caps = {
        (cap["max"], cap["window_s"], f"account {cap['max']} in {cap['window_s']} s") for cap in facts.caps
    }
    if facts.law:
        regions = {region for ring in rings for region in ring.regions}
        if facts.stated_region:
            regions.add(facts.stated_region)
        for region in regions:
            caps.update(law.caps(region, voice=facts.voice))
    for index, ring in enumerate(rings):
        for most, window_s, name in sorted(caps):
            if index >= most and ring.at_ms - rings[index - most].at_ms < window_s * 1000:
                yield Finding(ring.at_ms, str(ring.key), f"cap {name}")
                break

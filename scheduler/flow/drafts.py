"""Entries with their first plan, column by column, as the ledger takes them.

Pure, so that a file's rows can be drafted in another process than the one that writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress

import msgspec

from scheduler.domain.calendars import calendar_of
from scheduler.domain.consent import expires_ms
from scheduler.domain.jitter import draw
from scheduler.domain.model import Ended, Lead, Loop, Place, Plan, Planned, Policy, Priority
from scheduler.domain.planner import plan
from scheduler.domain.spread import Spread, Walk, position, told, walk
from scheduler.domain.time import Ms
from scheduler.domain.variables import read_variables
from scheduler.flow.entries import Entry
from scheduler.flow.keys import lead_key

_encode = msgspec.json.Encoder().encode


class LeadColumns(msgspec.Struct):
    """Leads as columns of one length. `places` point into the places of their `Drafts`; `consents` and
    `variables` are JSON, `tags` joined by the unit separator."""

    phones: list[str]
    external_ids: list[str | None]
    names: list[str]
    emails: list[str]
    timezones: list[str | None]
    regions: list[str | None]
    places: list[int]
    priorities: list[str]
    appointment_ats_ms: list[Ms | None]
    consents: list[str | None]
    tags: list[str]
    variables: list[str]


class LoopColumns(msgspec.Struct):
    """First plans as columns of one length: an attempt at `next_ats_ms`, or over at once by `end_reasons`."""

    next_ats_ms: list[Ms | None]
    open_untils_ms: list[Ms | None]
    kinds: list[str | None]
    steps: list[int | None]
    channels: list[str | None]
    lane_classes: list[str]
    whys: list[str]
    end_reasons: list[str | None]


class Drafts(msgspec.Struct):
    """New leads and, row by row, the loops they start under the policy of `policy_version`; `loops` None:
    leads that nobody calls by itself. `ordinals`: their numbers in the batch, where they have any. `follows`:
    the cadence in that policy and its version."""

    now_ms: Ms
    policy_version: int | None
    places: list[Place]
    leads: LeadColumns
    loops: LoopColumns | None
    ordinals: list[int] | None = None
    follows: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.leads.phones)

    def only(self, keep: Iterable[bool]) -> Drafts:
        """Those rows whose turn in `keep` is true."""
        keep = list(keep)
        loops = None if self.loops is None else LoopColumns(*_only(self.loops, keep))
        ordinals = None if self.ordinals is None else list(compress(self.ordinals, keep))
        leads = LeadColumns(*_only(self.leads, keep))
        return msgspec.structs.replace(self, leads=leads, loops=loops, ordinals=ordinals)


class Starts:
    """When loops of a batch begin that are drafted at one instant under one policy."""

    def __init__(self, spread: Spread, policy: Policy, now_ms: Ms) -> None:
        self._spread = spread
        self._policy = policy
        self._from_ms = spread.from_ms(now_ms)
        self._text = spread.text(now_ms)
        self._live_text = Spread(spread.start_at_ms).text(now_ms)
        self._walks: dict[Place, Walk] = {}

    def plan(self, lead: Lead, ordinal: int | None, now_ms: Ms) -> Plan:
        """The lead's first attempt, at its place in the batch: by its number, drawn where it has none. A live
        lead waits for the start of the batch only."""
        live = lead.priority is Priority.LIVE
        from_ms = at_ms = self._from_ms
        if self._spread.over_ms and not live:
            found = self._walks.get(lead.place)
            if found is None:
                calendar = calendar_of(self._policy, lead.place)
                found = self._walks[lead.place] = walk(calendar, from_ms, self._spread.over_ms)
            if ordinal is None:
                where = draw(self._policy.seed, lead.key, 1, 1, "spread")
            else:
                where = position(ordinal)
            at_ms = found.at(where) or from_ms
        first = plan(Loop(at_ms), self._policy, lead, None, now_ms)
        text = self._live_text if live else self._text
        if text and isinstance(first, Planned):
            return msgspec.structs.replace(first, why=told(first.why, now_ms, at_ms, text))
        return first


def draft_entries(
    entries: Sequence[Entry],
    policy: Policy | None,
    phone_key: bytes,
    now_ms: Ms,
    spread: Spread | None = None,
    ordinals: list[int] | None = None,
) -> Drafts:
    """Plan the first attempt of every entry; without a policy they start no loop.

    `spread`: when the first touches of their batch are, `ordinals` the numbers of the entries in it.
    """
    leads = LeadColumns(*([] for _ in LeadColumns.__struct_fields__))
    loops = None if policy is None else LoopColumns(*([] for _ in LoopColumns.__struct_fields__))
    places: dict[Place, int] = {}
    start = Loop(started_at_ms=now_ms)
    starts = None if policy is None or spread is None else Starts(spread, policy, now_ms)
    for at, entry in enumerate(entries):
        leads.phones.append(entry.phone)
        leads.external_ids.append(entry.external_id)
        leads.names.append(entry.name)
        leads.emails.append(entry.email)
        leads.timezones.append(entry.timezone)
        leads.regions.append(entry.region)
        leads.places.append(places.setdefault(entry.place, len(places)))
        leads.priorities.append(entry.priority.value)
        leads.appointment_ats_ms.append(entry.appointment_at_ms)
        leads.consents.append(entry.consent)
        leads.tags.append("\x1f".join(entry.tags))
        leads.variables.append(entry.variables)
        if policy is not None and loops is not None:
            lead = Lead(
                key=lead_key(phone_key, entry.external_id, entry.phone),
                place=entry.place,
                priority=entry.priority,
                consent=entry.consent is not None,
                consent_until_ms=expires_ms(entry.consent),
                appointment_at_ms=entry.appointment_at_ms,
                tags=entry.tags,
                variables={} if policy.cadence is None else read_variables(entry.variables),
            )
            if starts is None:
                first = plan(start, policy, lead, None, now_ms)
            else:
                first = starts.plan(lead, None if ordinals is None else ordinals[at], now_ms)
            append_plan(loops, first, entry.priority)
    version = None if policy is None else policy.version
    return Drafts(now_ms, version, list(places), leads, loops, ordinals, followed(policy))


def followed(policy: Policy | None) -> tuple[int, int] | None:
    """The cadence in a policy, and its version."""
    cadence = None if policy is None else policy.cadence
    return None if cadence is None else (int(cadence.cadence_id), cadence.version)


def append_plan(loops: LoopColumns, first: Plan, priority: Priority) -> None:
    """One more loop. What ends at once still names a lane: that of its priority."""
    if isinstance(first, Planned):
        loops.next_ats_ms.append(first.at_ms)
        loops.open_untils_ms.append(first.open_until_ms)
        loops.kinds.append(first.kind.value)
        loops.steps.append(first.step)
        loops.channels.append(first.channel.value)
        loops.lane_classes.append(first.lane_class.value)
        loops.end_reasons.append(None)
    elif isinstance(first, Ended):
        loops.next_ats_ms.append(None)
        loops.open_untils_ms.append(None)
        loops.kinds.append(None)
        loops.steps.append(None)
        loops.channels.append(None)
        loops.lane_classes.append(priority.value)
        loops.end_reasons.append(first.reason.value)
    else:
        raise AssertionError("a first attempt waits for nobody's answer")
    loops.whys.append(_encode(first.why).decode())


def _only(columns: LeadColumns | LoopColumns, keep: list[bool]) -> Iterable[list]:
    return (list(compress(column, keep)) for column in msgspec.structs.astuple(columns))

"""Entries with their first plan, column by column, as the ledger takes them.

Pure, so that a file's rows can be drafted in another process than the one that writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress

import msgspec

from scheduler.domain.model import Ended, Lead, Loop, Place, Plan, Planned, Policy, Priority
from scheduler.domain.planner import plan
from scheduler.domain.time import Ms
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
    leads that nobody calls by itself."""

    now_ms: Ms
    policy_version: int | None
    places: list[Place]
    leads: LeadColumns
    loops: LoopColumns | None

    def __len__(self) -> int:
        return len(self.leads.phones)

    def only(self, keep: Iterable[bool]) -> Drafts:
        """Those rows whose turn in `keep` is true."""
        keep = list(keep)
        loops = None if self.loops is None else LoopColumns(*_only(self.loops, keep))
        return msgspec.structs.replace(self, leads=LeadColumns(*_only(self.leads, keep)), loops=loops)


def draft_entries(entries: Sequence[Entry], policy: Policy | None, phone_key: bytes, now_ms: Ms) -> Drafts:
    """Plan the first attempt of every entry; without a policy they start no loop."""
    leads = LeadColumns(*([] for _ in LeadColumns.__struct_fields__))
    loops = None if policy is None else LoopColumns(*([] for _ in LoopColumns.__struct_fields__))
    places: dict[Place, int] = {}
    start = Loop(started_at_ms=now_ms)
    for entry in entries:
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
            )
            append_plan(loops, plan(start, policy, lead, None, now_ms), entry.priority)
    return Drafts(now_ms, None if policy is None else policy.version, list(places), leads, loops)


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

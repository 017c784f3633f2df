"""What open times are asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from api.requests import Id
from api.schemas_windows import Region


class EffectiveQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Of one lead, or of an agent's leads at a place. `lead_id`: where this lead may be; or name an agent and
    a place. `agent_id`: in the windows of this agent; of a lead without one: those of its own.
    `cadence_id`: in the windows of this cadence, else in those of the cadence that is followed. `region`: a
    country or a state; anywhere in the US if left out. `timezone`: an IANA zone, as stated by the lead.
    `from`: from then on; from now on without. `days`: how many days are shown."""

    lead_id: Id | None = None
    agent_id: Id | None = None
    cadence_id: Id | None = None
    region: Region | None = None
    timezone: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    from_: Annotated[datetime, Meta(tz=True)] | None = msgspec.field(default=None, name="from")
    days: Annotated[int, Meta(ge=1, le=31)] = 7


class RulesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`region`: a country or a state. All that are known without."""

    region: Annotated[list[Region], Meta(max_length=100)] = msgspec.field(default_factory=list)

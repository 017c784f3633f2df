"""What open times are asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from api.requests import Id
from api.schemas_windows import Region


class EffectiveQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Of one lead, or of an agent's leads at a place: `region` (anywhere in the US if left out), `timezone`
    as stated. `cadence_id`: with that cadence's windows, else with those of the cadence that is followed."""

    lead_id: Id | None = None
    agent_id: Id | None = None
    cadence_id: Id | None = None
    region: Region | None = None
    timezone: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    from_: Annotated[datetime, Meta(tz=True)] | None = msgspec.field(default=None, name="from")
    days: Annotated[int, Meta(ge=1, le=31)] = 7


class RulesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`region`: a country or a state; may be repeated. Without it all that are known."""

    region: Annotated[list[Region], Meta(max_length=100)] = msgspec.field(default_factory=list)

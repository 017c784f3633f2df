"""Which jobs a list is asked for."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from api.requests import NewestFirstQuery

Kind = Literal["import", "lead-actions", "recalculation", "cadence-publish", "cadence-archive", "export"]
Status = Literal["queued", "running", "done", "failed", "canceled"]


class JobsQuery(NewestFirstQuery, forbid_unknown_fields=True):
    """`kind`: one of these kinds. `status`: in one of these states."""

    kind: Annotated[list[Kind], Meta(max_length=20)] = msgspec.field(default_factory=list)
    status: Annotated[list[Status], Meta(max_length=20)] = msgspec.field(default_factory=list)

"""Which jobs a list is asked for."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from api.requests import ListQuery

Kind = Annotated[str, Meta(min_length=1, max_length=64)]
Status = Literal["queued", "running", "done", "failed", "canceled"]


class JobsQuery(ListQuery, forbid_unknown_fields=True):
    kind: Annotated[list[Kind], Meta(max_length=20)] = msgspec.field(default_factory=list)
    status: Annotated[list[Status], Meta(max_length=20)] = msgspec.field(default_factory=list)

"""Jobs as they are answered."""

from __future__ import annotations

import msgspec


class Job(msgspec.Struct):
    """Work that goes on behind an answer. `total` is null while it is not known; `eta_at` is when it will be
    done at the pace so far."""

    id: str
    object: str
    created_at: str
    updated_at: str
    kind: str
    status: str
    done: int
    total: int | None
    started_at: str | None
    finished_at: str | None
    eta_at: str | None
    error: str | None

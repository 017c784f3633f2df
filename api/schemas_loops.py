"""Loops as they are answered."""

from __future__ import annotations

import msgspec


class Loop(msgspec.Struct):
    """The follow-up of one lead. `attempts_count`: of all its runs; `step`: of its last attempt."""

    id: str
    object: str
    created_at: str
    updated_at: str
    lead_id: str
    agent_id: str
    batch_id: str | None
    status: str
    run: int
    step: int
    attempts_count: int
    started_at: str
    next_at: str | None
    next_at_local: str | None
    end_reason: str | None
    ended_at: str | None

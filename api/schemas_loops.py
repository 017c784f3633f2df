"""Loops as they are answered."""

from __future__ import annotations

import msgspec


class Loop(msgspec.Struct):
    """The follow-up of one lead. `attempts_count`: of all its runs; `step`: of its last attempt.
    `awaiting_result`: a person of ours is waited for; at `next_at` it goes on by itself.
    `updated_at`: when it or its lead was changed last, by people or by what came of an attempt; not when it
    was planned anew."""

    id: str
    object: str
    created_at: str
    updated_at: str
    lead_id: str
    agent_id: str
    batch_id: str | None
    cadence_id: str | None
    cadence_version: int | None
    status: str
    run: int
    step: int
    attempts_count: int
    started_at: str
    next_at: str | None
    next_at_local: str | None
    end_reason: str | None
    ended_at: str | None

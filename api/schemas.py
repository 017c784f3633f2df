"""Objects of the API as they are answered, field by field.

Names, order and meaning follow the contract; what this version does not know yet is left out, not invented.
Instants are texts made by `api.instants`.
"""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from api.schemas_impact import Impact

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T]):
    """`count` and `count_exact` only where `?count=` asked for them."""

    data: list[T]
    has_more: bool = False
    next_cursor: str | None = None
    count: int | UnsetType = UNSET
    count_exact: bool | UnsetType = UNSET


class WhyLine(msgspec.Struct):
    """One line of the answer to "why then?"."""

    rule: str
    effect: str
    from_at: str | None
    to_at: str | None
    detail: str
    ref: str | None


class Attempt(msgspec.Struct):
    """`id`, `created_at` and `updated_at` are null while the attempt is only planned; instants it has not
    reached are null. `created_at`: when it was begun; `updated_at`: the latest instant of its call, or when
    its result was put right. `step`: its position from 1, in the cadence where it is of one, else in its
    agent's schedule."""

    id: str | None
    object: str
    created_at: str | None
    updated_at: str | None
    loop_id: str
    lead_id: str
    agent_id: str
    batch_id: str | None
    cadence_id: str | None
    cadence_version: int | None
    step: int
    number: int
    kind: str
    channel: str
    status: str
    why: list[WhyLine]
    planned_at: str | None = None
    due_at: str | None = None
    due_at_local: str | None = None
    dispatched_at: str | None = None
    dispatched_at_local: str | None = None
    dispatch_lag_ms: int | None = None
    answered_at: str | None = None
    ended_at: str | None = None
    outcome: str | None = None
    disposition: str | None = None
    talk_s: int | None = None
    caller_id: str | None = None
    provider: str | None = None
    provider_call_id: str | None = None
    error: str | None = None


class Throttle(msgspec.Struct):
    """A batch's pace; null is no limit. `spread_over_s`: of open time, where `max_per_min` is null; null is
    the installation's own."""

    max_per_min: float | None
    max_concurrent: int | None
    start_at: str | None
    spread_over_s: int | None


class BatchCounts(msgspec.Struct):
    """`leads` is the sum of the others."""

    leads: int
    untouched: int
    in_progress: int
    reached: int
    converted: int
    exhausted: int
    suppressed: int


class Batch(msgspec.Struct):
    CHANGES_BY_ITSELF: ClassVar = ("updated_at", "counts", "first_touch_done_rate")

    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    priority: str
    agent_id: str
    cadence_id: str | None
    throttle: Throttle
    status: str
    counts: BatchCounts
    first_touch_done_rate: float | None


class BatchChanged(Batch):
    """`id` is null in a dry run of one that does not exist yet. `impact`: how first touches move."""

    id: str | None  # type: ignore[assignment]
    impact: Impact


class BatchHead(msgspec.Struct):
    """A batch in a list, without its counts."""

    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    priority: str
    agent_id: str
    cadence_id: str | None
    throttle: Throttle
    status: str

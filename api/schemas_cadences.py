"""Cadences, their versions, and templates as they are answered."""

from __future__ import annotations

from typing import Any

import msgspec

from api.preview.runner import Attempt, End
from api.schemas_impact import Impact
from api.schemas_jobs import Job
from api.schemas_windows import Windows
from scheduler.domain.model import Action, Channel, OnComplete


class RoutingRule(msgspec.Struct):
    """What follows an attempt that ended with `on`; `step` is a position from 1."""

    on: str
    action: Action
    delay_s: int | None
    step: int | None
    cadence_id: str | None
    max: int | None


class StepCallerId(msgspec.Struct):
    strategy: str
    pool: list[str]


class StepVoicemail(msgspec.Struct):
    leave: bool
    message: str


class StepAdvanced(msgspec.Struct):
    when: str
    variables: dict[str, str]
    metadata: dict[str, Any]


class Step(msgspec.Struct):
    """Its `id` stays its own when it is moved, and from version to version; null in a template, whose times
    its steps have. In a version: as it was when that was published."""

    id: str | None
    object: str
    created_at: str
    updated_at: str
    position: int
    name: str
    channel: Channel
    delay_after_s: int
    anchor: str | None
    offset_s: int
    daypart: str
    script: str | None
    caller_id: StepCallerId
    voicemail: StepVoicemail
    routing: list[RoutingRule]
    advanced: StepAdvanced


class OnCompletion(msgspec.Struct):
    """What follows the last run."""

    action: OnComplete
    cadence_id: str | None
    delay_s: int


class Sequence(msgspec.Struct, kw_only=True):
    """What a draft, a version or a template says. `windows` null narrows nothing."""

    windows: Windows | None
    initial_delay_s: int
    runs: int
    on_complete: OnCompletion
    steps: list[Step]


class Cadence(Sequence, kw_only=True):
    """A cadence with its draft. `version`: the latest that was published; `draft_dirty`: the draft says
    something else. `active_loops`: those that run any version of it."""

    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    description: str
    status: str
    version: int | None
    draft_dirty: bool
    active_loops: int


class CadencePublished(Cadence, kw_only=True):
    """`job` moves the loops that run older versions; null where none is to."""

    impact: Impact
    job: Job | None


class CadenceArchived(Cadence, kw_only=True):
    """`job` ends the loops that still run; null where there are none."""

    job: Job | None


class CadenceImported(Cadence, kw_only=True):
    """`id` is null in a dry run. A draft moves no calls."""

    id: str | None  # type: ignore[assignment]
    impact: Impact


class CadenceVersionHead(msgspec.Struct):
    """`published_by`: the key or the command that did. A version never changes."""

    id: str
    object: str
    created_at: str
    updated_at: str
    version: int
    note: str
    published_by: str
    published_at: str
    step_count: int


class CadenceVersion(Sequence, kw_only=True):
    id: str
    object: str
    created_at: str
    updated_at: str
    version: int
    name: str
    description: str
    note: str
    published_by: str
    published_at: str


class Template(Sequence, kw_only=True):
    """`built_in`: comes with dialwheel and is not changed."""

    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    description: str
    built_in: bool


class CadencePreview(msgspec.Struct):
    """`ended` null: the loop would go on after these. `timezone`: of `at_local`."""

    object: str
    timezone: str
    attempts: list[Attempt]
    ended: End | None
    rules_revision: str | None
    readings: list[str]

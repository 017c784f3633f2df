"""Cadences, steps and templates as they are sent, with their bounds.

What of it could never run is said at publishing; a draft may be unfinished.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.preview.spec import Course, Instant, OutcomeSpec
from api.requests import Id, Line, ListQuery
from api.schemas_windows import Windows
from scheduler.domain.cadence_form import LONGEST_S
from scheduler.domain.model import Action, Channel, OnComplete

MOST_STEPS = 200

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Text = Annotated[str, Meta(max_length=2_000)]
Script = Annotated[str, Meta(max_length=10_000)]
Word = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Wait = Annotated[int, Meta(ge=0, le=LONGEST_S)]
Offset = Annotated[int, Meta(ge=-LONGEST_S, le=LONGEST_S)]
Times = Annotated[int, Meta(ge=1, le=100)]
Position = Annotated[int, Meta(ge=1, le=MOST_STEPS)]
Daypart = Literal["any", "morning", "afternoon", "evening", "rotate"]
CallerIdStrategy = Literal["random", "rotate", "sticky", "local", "fixed"]
Status = Literal["draft", "active", "inactive", "archived"]


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An object that comes in."""


class RoutingRuleIn(Body):
    """`on`: an outcome or a disposition; `step`: a position from 1."""

    on: Word
    action: Action = Action.NEXT
    delay_s: Wait | None = None
    step: Position | None = None
    cadence_id: Id | None = None
    max: Times | None = None


class StepCallerIdIn(Body):
    """`pool`: ids of the account's caller ids; empty means the agent's pool."""

    strategy: CallerIdStrategy = "random"
    pool: Annotated[list[Id], Meta(max_length=100)] = []


class StepVoicemailIn(Body):
    leave: bool = False
    message: Text = ""


class StepAdvancedIn(Body):
    """`when`: the condition without which the step is left out."""

    when: Text = ""
    variables: Annotated[dict[Word, Text], Meta(max_length=50)] = {}
    metadata: Annotated[dict[Word, Any], Meta(max_length=50)] = {}


Routing = Annotated[list[RoutingRuleIn], Meta(max_length=50)]


class StepIn(Body):
    """`id` keeps a step of the draft the one that it is; `position` is its place from 1, else the last."""

    id: Id | None = None
    position: Position | None = None
    name: Line = ""
    channel: Channel = Channel.CALL
    delay_after_s: Wait = 0
    anchor: Literal["start", "appointment_at"] | None = None
    offset_s: Offset = 0
    daypart: Daypart = "any"
    script: Script | None = None
    caller_id: StepCallerIdIn = msgspec.field(default_factory=StepCallerIdIn)
    voicemail: StepVoicemailIn = msgspec.field(default_factory=StepVoicemailIn)
    routing: Routing = []
    advanced: StepAdvancedIn = msgspec.field(default_factory=StepAdvancedIn)


class StepBack(StepIn):
    """A step may come back as it was shown: what of it can only be read is not looked at."""

    object: Literal["step"] | UnsetType = UNSET
    created_at: Instant | UnsetType | None = UNSET
    updated_at: Instant | UnsetType | None = UNSET


class StepChange(Body):
    position: Position | UnsetType = UNSET
    name: Line | UnsetType = UNSET
    channel: Channel | UnsetType = UNSET
    delay_after_s: Wait | UnsetType = UNSET
    anchor: Literal["start", "appointment_at"] | UnsetType | None = UNSET
    offset_s: Offset | UnsetType = UNSET
    daypart: Daypart | UnsetType = UNSET
    script: Script | UnsetType | None = UNSET
    caller_id: StepCallerIdIn | UnsetType = UNSET
    voicemail: StepVoicemailIn | UnsetType = UNSET
    routing: Routing | UnsetType = UNSET
    advanced: StepAdvancedIn | UnsetType = UNSET


class OnCompleteIn(Body):
    action: OnComplete = OnComplete.IDLE
    cadence_id: Id | None = None
    delay_s: Wait = 0


Steps = Annotated[list[StepBack], Meta(max_length=MOST_STEPS)]


class CadencesQuery(ListQuery, forbid_unknown_fields=True):
    """`status`: in one of these states."""

    status: Annotated[list[Status], Meta(max_length=4)] = msgspec.field(default_factory=list)


class SequenceIn(Body, kw_only=True):
    """What a draft or a template says."""

    windows: Windows | None = None
    initial_delay_s: Wait = 0
    runs: Times = 1
    on_complete: OnCompleteIn = msgspec.field(default_factory=OnCompleteIn)
    steps: Steps = msgspec.field(default_factory=list)


class CadenceIn(SequenceIn, kw_only=True):
    name: Name
    description: Text = ""


class CadenceChange(Body):
    """Name and description hold at once, the rest is of the draft. `steps`: all of them, in their order."""

    name: Name | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    windows: Windows | UnsetType | None = UNSET
    initial_delay_s: Wait | UnsetType = UNSET
    runs: Times | UnsetType = UNSET
    on_complete: OnCompleteIn | UnsetType = UNSET
    steps: Steps | UnsetType = UNSET


class StepOrderIn(Body):
    """Every step of the draft once, in the order that they are to have."""

    ids: Annotated[list[Id], Meta(max_length=MOST_STEPS)]


class CadencePublishIn(Body):
    apply_to: Literal["active_loops", "new_loops"] = "new_loops"
    note: Line = ""


class CadenceArchiveIn(Body):
    """`end_loops`: that those still running are ended is meant."""

    end_loops: bool = False


class CopyIn(Body):
    """Without a name it is derived from what is copied."""

    name: Name | None = None


class ExportedRule(Body):
    """A rule in a file: it names the cadence that it leads to."""

    on: Word
    action: Action = Action.NEXT
    delay_s: Wait | None = None
    step: Position | None = None
    cadence: Name | None = None
    max: Times | None = None


class ExportedCallerId(Body):
    strategy: CallerIdStrategy = "random"
    pool: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=100)] = []
    """Phones of the account's caller ids."""


class ExportedStep(Body):
    name: Line = ""
    channel: Channel = Channel.CALL
    delay_after_s: Wait = 0
    anchor: Literal["start", "appointment_at"] | None = None
    offset_s: Offset = 0
    daypart: Daypart = "any"
    script: Script | None = None
    caller_id: ExportedCallerId = msgspec.field(default_factory=ExportedCallerId)
    voicemail: StepVoicemailIn = msgspec.field(default_factory=StepVoicemailIn)
    routing: Annotated[list[ExportedRule], Meta(max_length=50)] = []
    advanced: StepAdvancedIn = msgspec.field(default_factory=StepAdvancedIn)


class ExportedOnComplete(Body):
    action: OnComplete = OnComplete.IDLE
    cadence: Name | None = None
    delay_s: Wait = 0


class CadenceFile(Body):
    """A cadence as it is exported and imported. Other cadences go by their names in it."""

    format: Literal["dialwheel.cadence/1"]
    name: Name
    description: Text = ""
    windows: Windows | None = None
    initial_delay_s: Wait = 0
    runs: Times = 1
    on_complete: ExportedOnComplete = msgspec.field(default_factory=ExportedOnComplete)
    steps: Annotated[list[ExportedStep], Meta(max_length=MOST_STEPS)] = []


class TemplateIn(SequenceIn, kw_only=True):
    """Made from `cadence_id`, as its draft is, or from what is said here."""

    name: Name
    description: Text | None = None
    cadence_id: Id | None = None


class TemplateChange(CadenceChange):
    """What is left out stays. `steps`: all of them, in their order."""


class CadencePreviewIn(Course, kw_only=True):
    """Whom and how: a `lead` of the account, or one in a `timezone` and a `region`, under the settings of
    `agent_id` (else the lead's agent, else the account's first). `version`: else the draft."""

    lead: Id | None = None
    agent_id: Id | None = None
    version: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    timezone: Annotated[str, Meta(max_length=64)] | None = None
    region: Annotated[str, Meta(max_length=64)] | None = None
    priority: Literal["live", "bulk"] = "bulk"
    appointment_at: Instant | None = None
    tags: Annotated[list[Word], Meta(max_length=100)] = msgspec.field(default_factory=list)
    variables: Annotated[dict[Word, Any], Meta(max_length=100)] = msgspec.field(default_factory=dict)
    start_at: Instant | None = None
    outcomes: Annotated[list[OutcomeSpec], Meta(max_length=200)] = msgspec.field(default_factory=list)
    limit: Annotated[int, Meta(ge=1, le=200)] = 50

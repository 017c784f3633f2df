"""Rows of cadences, their versions and templates as the API shows them."""

from __future__ import annotations

from typing import Any

import msgspec

from api import schemas_cadences as schemas
from api.instants import EPOCH, utc, utc_ms
from api.schemas_windows import Windows
from scheduler.domain.cadence_form import CadenceForm, StepForm
from scheduler.domain.templates import Template
from scheduler.ledger.cadences import draft_of
from scheduler.ledger.database import Row
from scheduler.ledger.step_times import StepTimes, times_of, times_of_all
from scheduler.public_ids import PublicIds


def cadence(row: Row, active_loops: int, ids: PublicIds) -> schemas.Cadence:
    return schemas.Cadence(
        id=ids.write("cad", row["cadence_id"]),
        object="cadence",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        name=row["name"],
        description=row["description"],
        status=row["status"],
        version=row["version"],
        draft_dirty=row["draft_dirty"],
        active_loops=active_loops,
        **sequence(draft_of(row), times_of(row), ids),
    )


def version_head(row: Row, ids: PublicIds) -> schemas.CadenceVersionHead:
    return schemas.CadenceVersionHead(
        id=ids.write("cvr", row["cadence_version_id"]),
        object="cadence_version",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        version=row["version"],
        note=row["note"],
        published_by=row["published_by"],
        published_at=utc(row["published_at"]),
        step_count=len(content_of(row).steps),
    )


def version(row: Row, ids: PublicIds) -> schemas.CadenceVersion:
    form = content_of(row)
    return schemas.CadenceVersion(
        id=ids.write("cvr", row["cadence_version_id"]),
        object="cadence_version",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        version=row["version"],
        name=form.name,
        description=form.description,
        note=row["note"],
        published_by=row["published_by"],
        published_at=utc(row["published_at"]),
        **sequence(form, times_of(row), ids),
    )


def template(row: Row, ids: PublicIds) -> schemas.Template:
    return schemas.Template(
        id=ids.write("tpl", row["template_id"]),
        object="template",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        name=row["name"],
        description=row["description"],
        built_in=False,
        **sequence(content_of(row), times_of_all(row), ids),
    )


def built_in(said: Template, ids: PublicIds) -> schemas.Template:
    return schemas.Template(
        id=ids.write("tpl", said.number),
        object="template",
        created_at=utc(EPOCH),
        updated_at=utc(EPOCH),
        name=said.form.name,
        description=said.form.description,
        built_in=True,
        **sequence(said.form, StepTimes({}, (0, 0)), ids),
    )


def sequence(form: CadenceForm, times: StepTimes, ids: PublicIds) -> dict[str, Any]:
    """The fields of a Sequence."""
    done = form.on_complete
    return {
        "windows": None if form.windows is None else msgspec.convert(form.windows, Windows),
        "initial_delay_s": form.initial_delay_s,
        "runs": form.runs,
        "on_complete": schemas.OnCompletion(done.action, _cadence_id(done.cadence_id, ids), done.delay_s),
        "steps": steps(form, times, ids),
    }


def steps(form: CadenceForm, times: StepTimes, ids: PublicIds) -> list[schemas.Step]:
    return [step(one, position, times, ids) for position, one in enumerate(form.steps, 1)]


def step(form: StepForm, position: int, times: StepTimes, ids: PublicIds) -> schemas.Step:
    made_ms, changed_ms = times.of(form.id)
    return schemas.Step(
        id=ids.write("stp", form.id) if form.id else None,
        object="step",
        created_at=str(utc_ms(made_ms)),
        updated_at=str(utc_ms(changed_ms)),
        position=position,
        name=form.name,
        channel=form.channel,
        delay_after_s=form.delay_after_s,
        anchor=form.anchor,
        offset_s=form.offset_s,
        daypart=form.daypart,
        script=form.script,
        caller_id=schemas.StepCallerId(
            form.caller_id.strategy, [ids.write("cid", int(number)) for number in form.caller_id.pool]
        ),
        voicemail=schemas.StepVoicemail(form.voicemail.leave, form.voicemail.message),
        routing=[
            schemas.RoutingRule(
                rule.on, rule.action, rule.delay_s, rule.step, _cadence_id(rule.cadence_id, ids), rule.max
            )
            for rule in form.routing
        ],
        advanced=schemas.StepAdvanced(form.advanced.when, form.advanced.variables, form.advanced.metadata),
    )


def _cadence_id(number: str | None, ids: PublicIds) -> str | None:
    return ids.write("cad", int(number)) if number else None


def content_of(row: Row) -> CadenceForm:
    return msgspec.json.decode(row["content"], type=CadenceForm)
